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

function reachOf(timeline: Timeline, base: StoredBase): Reach {
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

/**
 * The latest of these bases, or rather: the one that gets closest to now. One that knows no offset counts where no stream
 * gets as far.
 */
export function latestOf(timeline: Timeline, isMeant: (base: StoredBase) => boolean): Reach | undefined {
  const meant = timeline.bases.filter(isMeant).toSorted(byTime)
  const alone = meant.findLast(({ offset }) => offset === null)
  const based = meant.findLast(({ offset }) => offset !== null)
  const reach = based === undefined ? undefined : reachOf(timeline, based)
  if (alone === undefined || (reach !== undefined && reach.toTime >= Date.parse(alone.at))) return reach
  return reachOf(timeline, alone)
}

/** Of one timeline the order of offsets, too, and there is one for bases that know none. */
export function byTime(a: StoredBase, b: StoredBase): number {
  return Date.parse(a.at) - Date.parse(b.at) || (a.offset ?? 0) - (b.offset ?? 0) || (a.id < b.id ? -1 : 1)
}

export function newestBase({ timelines }: Shard): StoredBase | undefined {
  return timelines
    .flatMap(({ bases }) => bases)
    .toSorted(byTime)
    .at(-1)
}
