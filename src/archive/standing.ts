// Where an archive stands that was written before, so that the next run goes on there: the newest timeline, the end of its
// stream, and whether that end can be replayed on a base. The store and our own spool say it; there is no other state.

import type { Position } from '../replication/sink.ts'
import type { Shard, Timeline } from './catalog.ts'
import { parseSegmentName, timelineNumber, type SegmentName } from './keys.ts'
import { stretchesOf } from './stretches.ts'

export interface Standing {
  readonly timeline: string
  readonly number: number // of the newest timeline, also when nothing is in it
  readonly position: Position | undefined // the end of its stream; undefined: there is none to go on from
  readonly from: number // offset where the stretch without a hole begins that ends there
  readonly durable: number // offset up to which it is in the store; the rest is in the spool
  readonly toTime: number // of that end, epoch ms
  readonly hasBase: boolean // is there a base that the end of the stream can be replayed on
}

/** `spooled` are the keys of objects that are on their way to the store. Undefined: nothing was ever archived. */
export function standingOf(shard: Shard | undefined, spooled: readonly string[]): Standing | undefined {
  const begun = shard?.timelines.filter(({ about, bases, segments }) => about ?? bases[0] ?? segments[0]) ?? []
  const latest = begun.at(-1)
  if (latest === undefined) return undefined
  const newest = begun.findLast(({ bases, segments }) => bases.length + segments.length > 0) ?? latest
  const known = { timeline: newest.id, number: timelineNumber(latest.id) ?? 0 }
  const stream = endOfStream(newest, spooled)
  const base = endOfBases(newest, stream)
  if (base !== undefined) {
    const { offset, db, at } = base
    const position = { replid: replidAt(newest, offset), offset, db }
    return { ...known, position, from: offset, durable: offset, toTime: Date.parse(at), hasBase: true }
  }
  if (stream === undefined) return { ...known, position: undefined, from: 0, durable: 0, toTime: 0, hasBase: false }
  const { from, to, toTime, db, stored } = stream
  const position = { replid: replidAt(newest, to), offset: to, db }
  const hasBase = newest.bases.some(({ offset }) => offset !== null && offset >= from)
  return { ...known, position, from, durable: stored, toTime, hasBase }
}

interface End {
  readonly from: number
  readonly to: number
  readonly toTime: number
  readonly db: number
  readonly stored: number // up to where the store has it
}

function endOfStream({ id, segments }: Timeline, spooled: readonly string[]): End | undefined {
  const all: readonly SegmentName[] = [...segments, ...spooledIn(id, spooled)]
  const last = stretchesOf(all).at(-1)
  if (last === undefined) return undefined
  const { from, to, toTime } = last
  const db = all.find((segment) => segment.to === to)?.db ?? 0
  return { from, to, toTime, db, stored: Math.max(from, stretchesOf(segments).at(-1)?.to ?? 0) }
}

/**
 * The base to go on from, when that is not the end of the stream: the one that closed a gap and has no stream behind it
 * yet, or the last one where there never was a stream. One that lies ahead of the stream without a gap between them was
 * complete before the stream had come there, when we were killed: the server is asked for what lies between.
 */
function endOfBases({ bases, gaps }: Timeline, stream: End | undefined): PlacedBase | undefined {
  const placed = bases.flatMap(({ offset, replid, db, at }) =>
    offset === null || replid === null ? [] : [{ offset, db, at }],
  )
  if (stream === undefined) return placed.at(-1)
  return placed.findLast(({ offset }) => offset > stream.to && gaps.some(({ to }) => to === offset))
}

interface PlacedBase {
  readonly offset: number
  readonly db: number
  readonly at: string
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
