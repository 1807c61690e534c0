// Numbers, durations and strings as PromQL writes them: `1_000`, `0x1F`, `1e-3`, `Inf`; `1h30m` with the units from the
// largest to the smallest; strings in single, double or back quotes with Go's escapes.

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/
const UNIT_MS = [31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1]
const MOST_MS = 9_223_372_036_854 // what fits into 64 bits of nanoseconds

const NUMBER_AHEAD =
  /0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?/y
const DURATION_AHEAD = /\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdw]))*/y
const WORD_AHEAD = /[A-Za-z0-9_]/

/** What begins at `at`: the longer of number and duration, if nothing that belongs to a word follows it. */
export function readNumberOrDuration(
  text: string,
  at: number,
): { kind: 'number' | 'duration' | undefined; end: number } {
  for (const [kind, pattern] of [
    ['number', NUMBER_AHEAD],
    ['duration', DURATION_AHEAD],
  ] as const) {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    const end = at + (found?.length ?? 0)
    if (found !== undefined && !WORD_AHEAD.test(text[end] ?? '') && text[end] !== '.') return { kind, end }
  }
  const word = /^[\w.]*/.exec(text.slice(at))?.[0] ?? ''
  return { kind: undefined, end: at + word.length }
}

/** The value of a number token, or undefined where it is none. A leading zero means octal, as in Go. */
export function parseNumber(text: string): number | undefined {
  const lower = text.toLowerCase()
  const sign = lower.startsWith('-') ? -1 : 1
  const plain = lower.replace(/^[+-]/, '')
  if (plain === 'inf' || plain === '+inf' || plain === 'infinity') return sign * Infinity
  if (plain === 'nan') return NaN
  const digits = plain.replaceAll('_', '')
  if (/^0[xX][0-9a-f]+$/.test(digits)) return sign * Number(digits)
  if (/^0[0-7]+$/.test(digits)) return sign * Number.parseInt(digits, 8)
  if (!/^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/.test(digits)) return undefined
  const value = Number(digits)
  return value === Infinity ? undefined : sign * value // larger than any number is a mistake, and not Inf
}

/** `1h30m` in milliseconds, or undefined where it is no duration or too long a one. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  const found = text === '' ? null : DURATION.exec(text)
  if (found === null) return undefined
  const sum = UNIT_MS.reduce((total, unitMs, index) => total + Number(found[index + 1] ?? 0) * unitMs, 0)
  return sum > MOST_MS ? undefined : sum
}

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

/** The value of a quoted string, or undefined where an escape is wrong. Bytes (`\xe2`, `\342`) make UTF-8. */
export function unquote(quoted: string): string | undefined {
  const inner = quoted.slice(1, -1)
  const mark = quoted[0] ?? '"'
  if (mark === '`' || !inner.includes('\\')) return inner
  const parts: Buffer[] = []
  for (const [part] of inner.matchAll(ESCAPE_OR_TEXT)) {
    const value = part.startsWith('\\') ? unescape(part.slice(1), mark) : part
    if (value === undefined) return undefined
    parts.push(typeof value === 'number' ? Buffer.of(value) : Buffer.from(value))
  }
  return Buffer.concat(parts).toString()
}

const ESCAPE_OR_TEXT = /\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|[^])|[^\\]+/g

/** Text, or one byte. */
function unescape(escape: string, mark: string): string | number | undefined {
  if (escape === "'" || escape === '"') return escape === mark ? escape : undefined
  if (escape.length === 1) return SIMPLE[escape]
  if (escape.startsWith('x')) return Number.parseInt(escape.slice(1), 16)
  if (!/^[uU]/.test(escape)) {
    const byte = Number.parseInt(escape, 8)
    return byte > 255 ? undefined : byte
  }
  const code = Number.parseInt(escape.slice(1), 16)
  return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? undefined : String.fromCodePoint(code)
}
