// RDBs with damage, by a seed: flipped bits, other bytes, lengths that lie, parts that are cut, doubled, moved and exchanged.
// And reading one of them with everything that can be read: scanned, every value decoded, made into a payload and back.

import { Fault } from '../src/lib/fault.ts'
import { decodeValue } from '../src/rdb/decode-value.ts'
import { dumpPayload, parseDump } from '../src/rdb/dump.ts'
import { RdbScanner } from '../src/rdb/scanner.ts'

/** Small, fast, and the same everywhere (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
type Random = ReturnType<typeof randomOf>

const LIES = ['80ffffffff', '81ffffffffffffffff', '8100000000ffffffff', '807fffffff', 'c3', 'ff', 'fe', 'c0', '7fff']

function splice(bytes: Buffer, at: number, remove: number, insert: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)])
}

function damage(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = 9 + random(Math.max(1, bytes.length - 9))
  const span = 1 + random(20)
  switch (random(8)) {
    case 0: {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << random(8))
      return flipped
    }
    case 1:
      return splice(bytes, at, 1, Buffer.of(random(256)))
    case 2:
      return splice(bytes, at, random(2) * span, Buffer.from(LIES[random(LIES.length)] ?? '', 'hex'))
    case 3:
      return bytes.subarray(0, at)
    case 4:
      return splice(bytes, at, span, Buffer.alloc(0))
    case 5:
      return splice(bytes, at, 0, bytes.subarray(at, at + span))
    case 6: {
      const from = random(other.length)
      return splice(bytes, at, random(50), other.subarray(from, from + random(100)))
    }
    default:
      return splice(bytes, at, 0, Buffer.from(Array.from({ length: span }, () => random(256))))
  }
}

/** What came of reading some of them. */
export interface Tally {
  complete: number
  faults: number
  unknown: number
  values: number
  valueFaults: number
}

/** Throws only what is neither a value nor a Fault. */
export function readDamaged(bytes: Buffer, pieceBytes: number, tally: Tally): void {
  const parts: Buffer[] = []
  const scanner = new RdbScanner({
    wants: () => true,
    value: (part) => parts.push(Buffer.from(part)),
    entry({ type, templates }) {
      const value = Buffer.concat(parts.splice(0))
      try {
        decodeValue({ type, value, templates })
        const payload = dumpPayload({ type, value, templates })
        if (payload !== undefined) parseDump(payload)
        tally.values += 1
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        tally.valueFaults += 1
      }
    },
  })
  for (let at = 0; at < bytes.length; at += pieceBytes) scanner.push(bytes.subarray(at, at + pieceBytes))
  const { complete, problem, unknown } = scanner.finish()
  if (complete) tally.complete += 1
  else if (problem !== undefined) tally.faults += 1
  else if (unknown !== undefined) tally.unknown += 1
  else throw new Error('neither complete, nor a problem, nor something unknown')
}

/** The damaged RDB of a seed, and in what pieces to read it. */
export function damagedRdb(seed: number, files: readonly Buffer[]): { bytes: Buffer; pieceBytes: number } {
  const random = randomOf(seed)
  const pick = (): Buffer => files[random(files.length)] ?? Buffer.alloc(0)
  let bytes = pick()
  for (let left = 1 + random(3); left > 0; left -= 1) bytes = damage(bytes, pick(), random)
  return { bytes, pieceBytes: random(3) === 0 ? 1 + random(50) : Math.max(1, bytes.length) }
}
