// From packed blocks to the points of one series. Most series are there in every sample of their source: these share one
// list of times, and rules, which read thousands of series every few seconds, copy nothing but values.

import { countBits, firstRows, MOST_ROWS } from './column-codec.ts'
import { unpack, type Block, type BlockRows, type OpenBlock } from './history-block.ts'
import type { Labels, Points } from './history.ts'

/** The rows of one block that lie within a range of time. */
interface Stretch {
  readonly of: BlockRows
  readonly from: number // first row
  readonly end: number // row after the last
  readonly all: number // a bit for each of them
}

function stretchOf(rows: BlockRows, fromMs: number, toMs: number): Stretch | undefined {
  const { times } = rows
  let from = 0
  let end = rows.rows
  while (from < end && (times[from] as number) < fromMs) from += 1
  while (end > from && (times[end - 1] as number) > toMs) end -= 1
  return from === end ? undefined : { of: rows, from, end, all: firstRows(end) & ~firstRows(from) }
}

/** The stretches of a timeline, oldest first; with `onlyLast` just the newest. */
export function stretchesOf(
  blocks: readonly Block[],
  open: OpenBlock,
  [fromMs, toMs]: readonly [fromMs: number, toMs: number],
  onlyLast: boolean,
): Stretch[] {
  const found: Stretch[] = []
  const last = stretchOf(open, fromMs, toMs)
  if (last !== undefined) found.push(last)
  for (let at = blocks.length - 1; at >= 0; at -= 1) {
    const block = blocks[at] as Block
    if (block.endMs < fromMs || (onlyLast && found.length > 0)) break
    const stretch = block.startMs > toMs ? undefined : stretchOf(unpack(blocks, at), fromMs, toMs)
    if (stretch !== undefined) found.push(stretch)
  }
  return found.toReversed()
}

export function timesOf(stretches: readonly Stretch[]): number[] {
  const all: number[] = []
  for (const { of, from, end } of stretches) for (let row = from; row < end; row += 1) all.push(of.times[row] as number)
  return all
}

const dense = new Float64Array(MOST_ROWS)

/** The points of a column; `shared` are the times of all rows. Undefined when there is none. */
export function readPoints(
  column: number,
  stretches: readonly Stretch[],
  shared: readonly number[],
  labels: Labels,
): Points | undefined {
  const values: number[] = []
  const stale: number[] = []
  let own: number[] | undefined // the times, once a row is missing
  let rowsBefore = 0
  let isAlive = false
  for (const { of, from, end, all } of stretches) {
    const present = of.gather(column, dense)
    const isWhole = (present & all) === all
    if (!isWhole) own ??= shared.slice(0, rowsBefore)
    let next = from === 0 ? 0 : countBits(present & firstRows(from))
    for (let row = from; row < end; row += 1) {
      const isPresent = isWhole || (present & (1 << row)) !== 0
      if (isPresent) values.push(dense[next++] as number)
      if (isPresent) own?.push(of.times[row] as number)
      else if (isAlive) stale.push(of.times[row] as number)
      isAlive = isPresent
    }
    rowsBefore += end - from
  }
  return values.length === 0 ? undefined : { labels, timestamps: own ?? shared, values, stale }
}

/** The value in the newest row; a series that is not in it has ended, however young its last sample is. */
export function readLast(column: number, { of, end }: Stretch, labels: Labels): Points | undefined {
  const present = of.gather(column, dense)
  if ((present & (1 << (end - 1))) === 0) return undefined
  const value = dense[countBits(present & firstRows(end - 1))] as number
  return { labels, timestamps: [of.times[end - 1] as number], values: [value], stale: [] }
}
