// Which parts of a stream a set of segments covers, and which segments to read for a part of it. Segments may overlap; they
// hold the same bytes then.

import type { SegmentName } from './keys.ts'

/** A part of the stream without a hole. Times are those of its first and last byte, epoch ms. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly fromTime: number
  readonly toTime: number
}

export function stretchesOf(segments: readonly SegmentName[]): Stretch[] {
  const stretches: Stretch[] = []
  for (const { from, to, fromTime, toTime } of segments.toSorted((a, b) => a.from - b.from)) {
    const last = stretches.at(-1)
    if (last === undefined || from > last.to) stretches.push({ from, to, fromTime, toTime })
    else if (to > last.to) stretches[stretches.length - 1] = { ...last, to, toTime }
  }
  return stretches
}

/**
 * The fewest segments that cover the stream from `from` up to `to`, or as far as there is no hole. Each begins at the end
 * of the one before where there is such a one; else it overlaps, and what overlaps is to be skipped.
 */
export function cover<Kind extends SegmentName>(segments: readonly Kind[], from: number, to: number): Kind[] {
  const sorted = segments.toSorted((a, b) => a.from - b.from || b.to - a.to)
  const chosen: Kind[] = []
  let at = from
  let next = 0
  let best: Kind | undefined
  while (at < to) {
    for (let one = sorted[next]; one !== undefined && one.from <= at; one = sorted[++next])
      if (one.to > (best?.to ?? at)) best = one
    if (best === undefined || best.to <= at) break
    chosen.push(best)
    at = best.to
  }
  return chosen
}
