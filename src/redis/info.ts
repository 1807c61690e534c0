// INFO as a map of its fields. One pass over the text: a busy fleet parses this forty times a second.

export type Info = ReadonlyMap<string, string>

/** Parses `field:value` lines; sections and everything that is not of that form are passed over. `fields` remembers the
 *  names between texts of one server: a name that stands where it stood need not be made (and hashed) again. */
export function parseInfo(text: string, fields?: string[]): Info {
  const info = new Map<string, string>()
  let start = 0
  let line = 0
  while (start < text.length) {
    let end = text.indexOf('\n', start)
    if (end === -1) end = text.length
    const stop = text.charCodeAt(end - 1) === 13 ? end - 1 : end // 13: carriage return
    if (stop > start && text.charCodeAt(start) !== 35) {
      // 35: '#', a section's name
      const colon = text.indexOf(':', start)
      if (colon > start && colon < stop) {
        const field = nameAt(text, start, colon, line, fields)
        line += 1
        info.set(field, text.slice(colon + 1, stop))
      }
    }
    start = end + 1
  }
  return info
}

function nameAt(text: string, start: number, colon: number, line: number, fields: string[] | undefined): string {
  if (fields === undefined) return text.slice(start, colon)
  const known = fields[line]
  if (known?.length === colon - start && text.startsWith(known, start)) return known
  return (fields[line] = copyOf(text.slice(start, colon)))
}

// A piece of a text keeps all of it in memory, and the names are kept for as long as their server is watched.
function copyOf(text: string): string {
  return Buffer.from(text).toString()
}

/** The number in a field, or undefined when it is missing or not a number. */
export function infoNumber(info: Info, field: string): number | undefined {
  const text = info.get(field)
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** The parts of a value such as `ip=10.0.0.5,port=6379,state=online`. A value with a comma in it is not expected. */
export function parsePairs(text: string): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const part of text.split(',')) {
    const equals = part.indexOf('=')
    if (equals > 0) pairs[part.slice(0, equals)] = part.slice(equals + 1)
  }
  return pairs
}
