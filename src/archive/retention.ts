// What retention keeps and what it takes: a plan, made of the catalogue alone.
//
// Kept are, of each shard:
//   the newest base, and the newest one that was verified or proven
//   the newest base of each of the last N hours, days, weeks and months that have one (UTC)
//   all of the stream that came within the window, and the base that it can be replayed on: the last one at or before
//     where the window begins, or else the first one behind it; and the stream behind the newest base, however old
//   a base within the window that no stream leads to
// So every moment of the window that could be restored before can be restored after, a base outside of it to itself, and
// a second run finds nothing more to take.

import type { DeploymentArchive, Shard, StoredBase, StoredSegment, Timeline } from './catalog.ts'
import { byTime, latestOf, reachesOf, type Reach } from './reach.ts'
import { stretchesOf, type Stretch } from './stretches.ts'

export interface Keep {
  readonly hourly: number
  readonly daily: number
  readonly weekly: number
  readonly monthly: number
  readonly streamMs: number
}

export const DEFAULT_KEEP: Keep = { hourly: 24, daily: 7, weekly: 4, monthly: 12, streamMs: 7 * 86_400_000 }

export interface KeptBase {
  readonly base: StoredBase
  readonly why: readonly string[] // "newest", "daily"
}

export interface TimelineRetention {
  readonly timeline: Timeline
  readonly bases: readonly StoredBase[] // to remove
  readonly segments: readonly StoredSegment[] // to remove, the first one first
  readonly prunedTo: number // what lies before this offset and is not kept is no hole
  readonly isEmpty: boolean // nothing of it is left, and a newer one is there
}

export interface Retention {
  readonly kept: readonly KeptBase[]
  readonly timelines: readonly TimelineRetention[] // of which something is removed
}

/** `now` is epoch ms. */
export function planRetention({ shards }: Pick<DeploymentArchive, 'shards'>, keep: Keep, now: number): Retention {
  const plans = shards.map((shard) => planShard(shard, keep, now))
  return { kept: plans.flatMap(({ kept }) => kept), timelines: plans.flatMap(({ timelines }) => timelines) }
}

function planShard({ name, timelines }: Shard, keep: Keep, now: number): Retention {
  const windowFrom = now - keep.streamMs
  const reasons = new Map<StoredBase, string[]>()
  const keepBase = (base: StoredBase | undefined, why: string): void => {
    if (base === undefined) return
    const known = reasons.get(base) ?? []
    if (!known.includes(why)) reasons.set(base, [...known, why])
  }
  const bases = timelines.flatMap((timeline) => timeline.bases).toSorted(byTime)
  keepBase(bases.at(-1), 'newest')
  keepBase(
    bases.findLast(({ verifiedAt, provenAt }) => verifiedAt !== undefined || provenAt !== undefined),
    'newest that is known to be good',
  )
  for (const [period, periodOf] of PERIODS)
    for (const base of lastOfPeriods(bases, periodOf, keep[period])) keepBase(base, period)
  const keptSegments = new Set<StoredSegment>()
  const keepFrom = ({ timeline, base, to }: Reach, why: string): void => {
    keepBase(base, why)
    for (const segment of timeline.segments)
      if (base.offset !== null && to !== undefined && segment.to > base.offset && segment.from < to)
        keptSegments.add(segment)
  }
  const [newest] = reachesOf({ name, timelines })
  if (newest !== undefined) keepFrom(newest, 'newest')
  const begins = atWindow(timelines, windowFrom)
  if (begins !== undefined) keepFrom(begins, 'stream')
  for (const timeline of timelines) {
    const windows = timeline.stretches.flatMap((stretch) => windowOf(timeline, stretch, windowFrom))
    for (const { anchor, segments } of windows) {
      keepBase(anchor, 'stream')
      for (const segment of segments) keptSegments.add(segment)
    }
    for (const base of timeline.bases)
      if (Date.parse(base.at) >= windowFrom && !windows.some((window) => isReached(window, base)))
        keepBase(base, 'stream')
  }
  const plans = timelines.map((timeline, at): TimelineRetention => {
    const gone = timeline.bases.filter((base) => !reasons.has(base))
    const segments = timeline.segments
      .filter((segment) => !keptSegments.has(segment))
      .toSorted((a, b) => a.from - b.from)
    const isEmpty =
      at < timelines.length - 1 && gone.length === timeline.bases.length && segments.length === timeline.segments.length
    const prunedTo = Math.max(timeline.prunedTo, ...segments.map(({ to }) => to))
    return { timeline, bases: gone, segments, prunedTo, isEmpty }
  })
  return {
    kept: bases.flatMap((base) => (reasons.has(base) ? [{ base, why: reasons.get(base) ?? [] }] : [])),
    timelines: plans.filter((plan) => plan.bases.length > 0 || plan.segments.length > 0 || plan.isEmpty),
  }
}

/** What a restore to the beginning of the window starts from: also when nothing has come since. */
function atWindow(timelines: readonly Timeline[], windowFrom: number): Reach | undefined {
  return timelines
    .map((timeline) => latestOf(timeline, ({ at }) => Date.parse(at) <= windowFrom))
    .findLast((reach) => reach !== undefined)
}

interface Window {
  readonly stretch: Stretch
  readonly anchor: StoredBase | undefined // what its stream is replayed on
  readonly segments: readonly StoredSegment[] // to keep
}

/** Of a stretch that reaches into the window. */
function windowOf({ segments, bases }: Timeline, stretch: Stretch, windowFrom: number): Window[] {
  const own = segments.filter(({ from, to }) => from >= stretch.from && to <= stretch.to)
  const within = own.filter(({ toTime }) => toTime >= windowFrom)
  if (within.length === 0) return []
  const begins = Math.min(...within.map(({ from }) => from))
  const usable = bases.filter(({ offset }) => offset !== null && offset >= stretch.from && offset < stretch.to)
  const isBefore = ({ offset, at }: StoredBase): boolean => (offset ?? 0) <= begins && Date.parse(at) <= windowFrom
  const anchor = usable.findLast(isBefore) ?? usable[0]
  const from = Math.min(begins, anchor?.offset ?? begins)
  return [{ stretch, anchor, segments: own.filter(({ to }) => to > from) }]
}

/** Does the stream that is kept lead to it, so that its moment can be restored without it? */
function isReached({ stretch, anchor }: Window, { offset, at }: StoredBase): boolean {
  if (offset === null || anchor === undefined) return false
  const isBehind = (anchor.offset ?? 0) <= offset && Date.parse(anchor.at) <= Date.parse(at)
  return isBehind && offset <= stretch.to && Date.parse(at) <= stretch.toTime
}

type Period = 'hourly' | 'daily' | 'weekly' | 'monthly'

const HOUR = 3_600_000
const THURSDAY = 3 * 24 * HOUR // 1970 began on one; weeks begin on Mondays

const PERIODS: readonly (readonly [Period, (at: number) => number])[] = [
  ['hourly', (at) => Math.floor(at / HOUR)],
  ['daily', (at) => Math.floor(at / (24 * HOUR))],
  ['weekly', (at) => Math.floor((at + THURSDAY) / (7 * 24 * HOUR))],
  ['monthly', (at) => new Date(at).getUTCFullYear() * 12 + new Date(at).getUTCMonth()],
]

/** The newest base of each of the last periods that have one. */
function lastOfPeriods(bases: readonly StoredBase[], periodOf: (at: number) => number, count: number): StoredBase[] {
  const newest = new Map<number, StoredBase>()
  for (const base of bases) newest.set(periodOf(Date.parse(base.at)), base) // sorted by time: the last one stays
  return [...newest]
    .toSorted(([a], [b]) => b - a)
    .slice(0, count)
    .map(([, base]) => base)
}

/** The archive as it will be. */
export function withoutRemoved(archive: DeploymentArchive, { timelines }: Retention): DeploymentArchive {
  const left = (timeline: Timeline): Timeline => {
    const plan = timelines.find((each) => each.timeline === timeline)
    if (plan === undefined) return timeline
    const segments = timeline.segments.filter((segment) => !plan.segments.includes(segment))
    const bases = timeline.bases.filter((base) => !plan.bases.includes(base))
    return { ...timeline, bases, segments, stretches: stretchesOf(segments), prunedTo: plan.prunedTo }
  }
  return { ...archive, shards: archive.shards.map(({ name, timelines: all }) => ({ name, timelines: all.map(left) })) }
}
