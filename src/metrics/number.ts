// Numbers as servers write them.

/** The number in a text, or undefined when it is none. Redis writes `inf` and `nan` for ratios without a divisor. */
export function parseNumber(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (!Number.isNaN(value)) return value
  if (text === 'inf' || text === '+inf') return Infinity
  if (text === '-inf') return -Infinity
  return text === 'nan' || text === '-nan' ? NaN : undefined
}

/** As above, with the states of INFO: `ok` and `true` are 1; `err`, `fail` and `false` are 0. */
export function parseState(text: string): number | undefined {
  const first = text.charCodeAt(0)
  if (first < 97) return parseNumber(text) // a digit or a sign, the common case
  if (text === 'ok' || text === 'true') return 1
  if (text === 'err' || text === 'fail' || text === 'false') return 0
  return parseNumber(text)
}
