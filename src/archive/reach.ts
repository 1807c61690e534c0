// How far one can get from a base: the stream that begins at its offset, as far as it has no hole.

import type { Shard, StoredBase, Timeline } from './catalog.ts'

/** A base, and the last place that it can be brought to. */
export interface Reach {
  readonly timeline: Timeline
  readonly base: StoredBase
  readonly to: number | undefined // offset; undefined: of a base that knows none
  readonly fromTime: number // epoch ms
  readonly toTime: number
}

export function reachOf(timeline: Timeline, base: StoredBase): Reach {
  const { offset } = base
  const fromTime = Date.parse(base.at)
  if (offset === null) return { timeline, base, to: undefined, fromTime, toTime: fromTime }
  const stretch = timeline.stretches.find(({ from, to }) => from <= offset && offset < to)
  if (stretch === undefined) return { timeline, base, to: offset, fromTime, toTime: fromTime }
  return { timeline, base, to: stretch.to, fromTime, toTime: Math.max(fromTime, stretch.toTime) }
}

/** Of all bases of a shard: those of the newest timeline first, and of one timeline those that get furthest. */
export function reachesOf(shard: Shard): Reach[] {
  return shard.timelines
    .toReversed()
    .flatMap((timeline) =>
      timeline.bases
        .map((base) => reachOf(timeline, base))
        .toSorted(
          (a, b) => b.toTime - a.toTime || b.fromTime - a.fromTime || (b.base.offset ?? 0) - (a.base.offset ?? 0),
        ),
    )
}
