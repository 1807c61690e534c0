// Patterns of keys as in SCAN MATCH and KEYS, on bytes: `*`, `?`, `[a-z]`, `[^a]`, and `\` before what is meant as it is.
// Source: util.c of Redis 7.0, stringmatchlen. A pattern of stars that goes back again and again is bounded there by the
// caller's patience; here it goes back to its last star only, which finds the same and takes no more than n·m steps.

const STAR = 0x2a
const ANY = 0x3f
const OPEN = 0x5b
const CLOSE = 0x5d
const ESCAPE = 0x5c
const NOT = 0x5e
const DASH = 0x2d

export type Matches = (bytes: Uint8Array, from: number, to: number) => boolean

/** Whether `bytes[from]` to `bytes[to - 1]` match. A prefix with a star behind it, the usual case, is compared as such. */
export function compileGlob(pattern: string): Matches {
  const glob = Buffer.from(pattern)
  const prefix = glob.subarray(0, -1)
  const isPrefix =
    glob.at(-1) === STAR && !prefix.some((byte) => byte === STAR || byte === ANY || byte === OPEN || byte === ESCAPE)
  if (isPrefix)
    return (bytes, from, to) => to - from >= prefix.length && prefix.every((byte, at) => bytes[from + at] === byte)
  return (bytes, from, to) => matches(glob, bytes, from, to)
}

function matches(glob: Buffer, bytes: Uint8Array, from: number, to: number): boolean {
  let at = from
  let place = 0
  let star = -1 // behind the last one
  let starAt = from // where what it stands for ends, for now
  while (at < to) {
    if (glob[place] === STAR) {
      star = ++place
      starAt = at
      continue
    }
    const next = place < glob.length ? matchOne(glob, place, bytes[at] ?? 0) : undefined
    if (next !== undefined) {
      place = next
      at += 1
    } else if (star === -1) return false
    else {
      place = star
      at = ++starAt
    }
  }
  while (glob[place] === STAR) place += 1
  return place >= glob.length
}

/** The place in the pattern behind what this byte matches, or undefined. */
function matchOne(glob: Buffer, place: number, byte: number): number | undefined {
  const expected = glob[place]
  if (expected === ANY) return place + 1
  if (expected === OPEN) return matchClass(glob, place + 1, byte)
  if (expected === ESCAPE && place + 1 < glob.length) return glob[place + 1] === byte ? place + 2 : undefined
  return expected === byte ? place + 1 : undefined
}

function matchClass(glob: Buffer, from: number, byte: number): number | undefined {
  const isNot = glob[from] === NOT
  let place = isNot ? from + 1 : from
  let found = false
  while (place < glob.length && glob[place] !== CLOSE) {
    const [low = 0, dash, high] = [glob[place], glob[place + 1], glob[place + 2]]
    if (low === ESCAPE && place + 1 < glob.length) {
      found ||= dash === byte
      place += 2
    } else if (dash === DASH && high !== undefined) {
      found ||= byte >= Math.min(low, high) && byte <= Math.max(low, high)
      place += 3
    } else {
      found ||= low === byte
      place += 1
    }
  }
  return found === isNot ? undefined : place + 1
}
