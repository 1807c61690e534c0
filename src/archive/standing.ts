// Where an archive stands that was written before, so that the next run goes on there: the newest timeline, the end of its
// stream, and whether that end can be replayed on a base. The store and our own spool say it; there is no other state.

import type { Position } from '../replication/sink.ts'
import type { Shard, Timeline } from './catalog.ts'
import { parseSegmentName, timelineNumber, type SegmentName } from './keys.ts'
import { stretchesOf } from './stretches.ts'

export interface Standing {
  readonly timeline: string
  readonly number: number // of the timeline
  readonly position: Position | undefined // the end of its stream; undefined: there is none to go on from
  readonly toTime: number // of that end, epoch ms
  readonly hasBase: boolean // is there a base that the end of the stream can be replayed on
}

/** `spooled` are the keys of objects that are on their way to the store. Undefined: nothing was ever archived. */
export function standingOf(shard: Shard | undefined, spooled: readonly string[]): Standing | undefined {
  const begun = shard?.timelines.filter(({ about, bases, segments }) => about ?? bases[0] ?? segments[0]) ?? []
  const newest = begun.at(-1)
  if (newest === undefined) return undefined
  const segments: readonly SegmentName[] = [...newest.segments, ...spooledIn(newest.id, spooled)]
  const last = stretchesOf(segments).at(-1)
  const base = newest.bases.findLast(({ offset }) => offset !== null)
  const number = timelineNumber(newest.id) ?? 0
  const baseEnd = base?.offset ?? 0
  if (last !== undefined && last.to >= baseEnd) {
    const db = segments.find(({ to }) => to === last.to)?.db ?? 0
    const position = { replid: replidAt(newest, last.to), offset: last.to, db }
    const hasBase = newest.bases.some(({ offset }) => offset !== null && offset >= last.from && offset <= last.to)
    return { timeline: newest.id, number, position, toTime: last.toTime, hasBase }
  }
  if (base === undefined || base.replid === null)
    return { timeline: newest.id, number, position: undefined, toTime: 0, hasBase: false }
  const position = { replid: replidAt(newest, baseEnd), offset: baseEnd, db: base.db }
  return { timeline: newest.id, number, position, toTime: Date.parse(base.at), hasBase: true }
}

function spooledIn(timeline: string, keys: readonly string[]): SegmentName[] {
  return keys
    .map((key) => key.split('/'))
    .filter((path) => path.at(-3) === timeline && path.at(-2) === 'stream')
    .map((path) => parseSegmentName(path.at(-1) ?? ''))
    .filter((name) => name !== undefined)
}

/** Under which id the history is known at that offset. */
function replidAt({ about, bases, replids }: Timeline, offset: number): string {
  const changes = replids.filter((change) => change.offset <= offset).toSorted((a, b) => a.offset - b.offset)
  return changes.at(-1)?.replid ?? about?.replid ?? bases.findLast(({ replid }) => replid !== null)?.replid ?? ''
}
