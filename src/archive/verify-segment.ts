// One segment, read to its last byte: its hash, its pieces, and that what is in them are whole commands, with the
// databases selected that its heads and its name promise. And where another segment holds the same stretch: the same bytes.

import { crc32 } from 'node:zlib'
import { Fault } from '../lib/fault.ts'
import { StreamFramer } from '../replication/stream-framer.ts'
import type { StoredSegment } from './catalog.ts'
import type { PieceRun } from './pieces.ts'
import { readSegment, type Reading } from './read-segment.ts'

/** Throws a Fault for whatever is wrong with it. */
export async function verifySegment(reading: Reading, segment: StoredSegment, overlaps: Overlaps): Promise<void> {
  const target = `${reading.store.shown}/${segment.key}`
  const sums = overlaps.sumsOf(segment)
  const commands = new Commands(target)
  for await (const run of readSegment(reading, segment)) {
    sums.add(run)
    commands.add(run)
  }
  if (commands.db !== segment.db) throw malformed(target, `database ${commands.db} is selected at its end`)
  const other = sums.differing()
  if (other !== undefined) throw malformed(target, `${other} holds other bytes of the same stretch`)
}

class Commands {
  readonly #target: string
  #framer: StreamFramer | undefined
  #safe = -1
  db = -1

  constructor(target: string) {
    this.#target = target
  }

  add({ piece, offset, bytes }: PieceRun): void {
    const { from, to, db } = piece
    this.#framer ??= new StreamFramer({ offset: from, db, name: this.#target })
    if (offset === from && this.#safe !== -1 && db !== this.db)
      throw malformed(this.#target, `the piece at ${from} says database ${db}, and ${this.db} is selected`)
    const frame = this.#framer.push(bytes)
    this.#safe = frame.safe
    this.db = frame.db
    if (frame.end === to && frame.safe !== to)
      throw malformed(this.#target, `the piece at ${from} ends at ${to}, within a command or a transaction`)
  }
}

/**
 * A sum for each stretch between two offsets at which any segment begins or ends. Segments that overlap have these stretches
 * in common, whatever they were joined from.
 */
export class Overlaps {
  readonly #borders: readonly number[] // sorted
  readonly #known = new Map<number, { readonly sum: number; readonly key: string }>() // by where the stretch begins

  constructor(segments: readonly StoredSegment[]) {
    this.#borders = [...new Set(segments.flatMap(({ from, to }) => [from, to]))].toSorted((a, b) => a - b)
  }

  sumsOf({ key, from }: StoredSegment): { add(run: PieceRun): void; differing(): string | undefined } {
    const borders = this.#borders
    let next = firstAbove(borders, from)
    let began = from
    let sum = 0
    const sums: { from: number; sum: number }[] = []
    return {
      add({ offset, bytes }) {
        for (let at = 0; at < bytes.length;) {
          const end = Math.min(bytes.length, (borders[next] ?? Infinity) - offset)
          sum = crc32(bytes.subarray(at, end), sum)
          at = end
          if (offset + at !== borders[next]) continue
          sums.push({ from: began, sum })
          began = offset + at
          sum = 0
          next += 1
        }
      },
      differing: () => sums.map((one) => this.#compare(key, one)).find((other) => other !== undefined),
    }
  }

  #compare(key: string, { from, sum }: { from: number; sum: number }): string | undefined {
    const known = this.#known.get(from)
    if (known === undefined) this.#known.set(from, { sum, key })
    return known === undefined || known.sum === sum ? undefined : known.key
  }
}

function firstAbove(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? Infinity) <= value) low = middle + 1
    else high = middle
  }
  return low
}

function malformed(target: string, why: string): Fault {
  return new Fault({ doing: 'reading the segment', target, why, retryable: false })
}
