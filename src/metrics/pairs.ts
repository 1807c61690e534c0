// Values such as `calls=21,usec=175,usec_per_call=8.33`, read without taking the text apart into an object: a busy
// server has two hundred of them in every sample.

/** The number of one pair, or undefined. `name` comes with its equals sign: `usec=`. */
export function pairNumber(text: string, name: string): number | undefined {
  let at = text.indexOf(name)
  while (at > 0 && text.charCodeAt(at - 1) !== 44) at = text.indexOf(name, at + 1) // 44: comma
  if (at === -1) return undefined
  const from = at + name.length
  const comma = text.indexOf(',', from)
  const value = Number(comma === -1 ? text.slice(from) : text.slice(from, comma))
  return Number.isNaN(value) ? undefined : value
}
