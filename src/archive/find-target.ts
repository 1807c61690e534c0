// From what a person wants ("yesterday at ten", "before that FLUSHALL") to a place in one shard's archive: a base, the
// stretch of stream that is replayed on it, and the offset behind the last whole transaction that belongs to it.
//
// The newest timeline that knows the moment is the one that is meant. Of a timeline the latest base before it is taken:
// the least to replay, and no hole that a base closes lies in the way.

import { Fault } from '../lib/fault.ts'
import { nearest } from '../lib/nearest.ts'
import { formatDuration } from '../lib/units.ts'
import { StreamFramer } from '../replication/stream-framer.ts'
import type { DeploymentArchive, Shard, StoredBase, StoredSegment, Timeline } from './catalog.ts'
import type { PointDocument } from './documents.ts'
import { holesOf } from './holes.ts'
import { latestOf, reachesOf, type Reach } from './reach.ts'
import { readSegment, type Reading } from './read-segment.ts'
import { segmentsFor } from './read-stream.ts'

/** What is wanted. Times are epoch ms. */
export type Wish =
  | { readonly kind: 'latest' }
  | { readonly kind: 'time'; readonly at: number }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'base'; readonly id: string }
  | { readonly kind: 'point'; readonly name: string }

export interface Target {
  readonly shard: string
  readonly timeline: Timeline
  readonly base: StoredBase
  readonly offset: number | null // between two transactions; null of a base that knows none
  readonly db: number // selected there
  readonly at: number // when its last byte came, epoch ms
  readonly segments: readonly StoredSegment[] // to replay on the base
}

interface Place {
  readonly offset: number
  readonly db: number
  readonly at: number
}

/** Throws a Fault (exit 1) when that cannot be restored, with what can. */
export async function findTarget(
  reading: Reading,
  { archive, shard, wish }: { readonly archive: DeploymentArchive; readonly shard: Shard; readonly wish: Wish },
): Promise<Target> {
  switch (wish.kind) {
    case 'latest':
      return endOf(shard.name, newest(shard))
    case 'base':
      return baseTarget(shard, wish.id)
    case 'time':
      return timeTarget(reading, shard, wish.at)
    case 'offset':
      return offsetTarget(reading, shard, wish.offset)
    case 'point': {
      const place = findPoint(archive, wish.name).shards.find((each) => each.shard === shard.name)
      if (place === undefined) throw impossible(shard, `the restore point ${wish.name} does not speak of it`)
      return offsetTarget(reading, shard, place.offset, place.timeline)
    }
  }
}

function findPoint({ points, name: deployment }: DeploymentArchive, name: string): PointDocument {
  const found = points.findLast((point) => point.name === name)
  if (found !== undefined) return found
  const names = points.map((point) => point.name)
  const meant = nearest(name, names)
  const all = names.length === 0 ? 'It has none.' : `It has: ${names.slice(-5).join(', ')}.`
  throw new Fault({
    doing: 'looking for the restore point',
    target: name,
    why: `the archive of ${deployment} has none of that name`,
    hint: meant === undefined ? all : `Did you mean ${meant}?`,
    exit: 1,
    retryable: false,
  })
}

function newest(shard: Shard): Reach {
  const [reach] = reachesOf(shard)
  if (reach === undefined) throw impossible(shard, 'it has no base')
  return reach
}

/** As far as it gets. The name of the last segment says all that is needed. */
function endOf(shard: string, { timeline, base, to, toTime }: Reach): Target {
  if (to === undefined || to === base.offset) return alone(shard, timeline, base)
  const segments = segmentsFor({ timeline, from: base.offset ?? 0, to })
  return { shard, timeline, base, offset: to, db: segments.at(-1)?.db ?? base.db, at: toTime, segments }
}

function alone(shard: string, timeline: Timeline, base: StoredBase): Target {
  return { shard, timeline, base, offset: base.offset, db: base.db, at: Date.parse(base.at), segments: [] }
}

function baseTarget(shard: Shard, id: string): Target {
  for (const timeline of shard.timelines) {
    const base = timeline.bases.find((each) => each.id === id)
    if (base !== undefined) return alone(shard.name, timeline, base)
  }
  throw impossible(shard, `it has no base ${id}`)
}

async function timeTarget(reading: Reading, shard: Shard, at: number): Promise<Target> {
  const reach = shard.timelines
    .toReversed()
    .map((timeline) => latestOf(timeline, (base) => Date.parse(base.at) <= at))
    .find((each) => each !== undefined)
  if (reach === undefined) throw impossible(shard, `nothing is as old as ${showTime(at)}`)
  const { timeline, base, to, toTime } = reach
  if (to === undefined || base.offset === null) return alone(shard.name, timeline, base)
  if (at >= toTime) {
    refuseHole(shard, reach, at)
    return endOf(shard.name, reach)
  }
  const segments = segmentsFor({ timeline, from: base.offset, to })
  const beyond = segments.findIndex((segment) => segment.toTime > at)
  const before = segments.slice(0, beyond)
  const crossing = segments[beyond]
  const start: Place = {
    offset: before.at(-1)?.to ?? base.offset,
    db: before.at(-1)?.db ?? base.db,
    at: before.at(-1)?.toTime ?? Date.parse(base.at),
  }
  const place = crossing === undefined ? start : await lastBefore(reading, crossing, at, start)
  return targetAt(shard.name, reach, place)
}

/** Behind the last piece all of which came by then; a piece is what came within one second. */
async function lastBefore(reading: Reading, segment: StoredSegment, at: number, start: Place): Promise<Place> {
  let place = start
  let seen = -1
  let ended: { readonly offset: number; readonly at: number } | undefined
  for await (const { piece } of readSegment(reading, segment)) {
    if (piece.from === seen) continue // another run of the same
    seen = piece.from
    if (ended !== undefined && ended.offset > place.offset) place = { ...ended, db: piece.db }
    if (piece.toTime > at) return place
    ended = { offset: piece.to, at: piece.toTime }
  }
  return { offset: segment.to, db: segment.db, at: segment.toTime }
}

async function offsetTarget(reading: Reading, shard: Shard, offset: number, only?: string): Promise<Target> {
  const candidates = shard.timelines
    .filter(({ id }) => only === undefined || id === only)
    .toReversed()
    .map((timeline) => latestOf(timeline, (base) => base.offset !== null && base.offset <= offset))
    .filter((each) => each !== undefined)
  const reach = candidates.find(({ to }) => to !== undefined && to >= offset)
  if (reach !== undefined) return targetAt(shard.name, reach, await safePlace(reading, reach, offset))
  const [first] = candidates
  if (first?.to === undefined) throw impossible(shard, `no base is as old as offset ${offset}`)
  const end = Math.max(first.to, ...first.timeline.stretches.map(({ to }) => to))
  if (offset > end) throw impossible(shard, `its timeline ${first.timeline.id} ends at offset ${end}`)
  throw impossible(shard, `offset ${offset} lies in a hole: ${holeAt(first.timeline, first.to)}`)
}

/** Behind the last whole transaction at or before the offset. */
async function safePlace(reading: Reading, { timeline, base }: Reach, offset: number): Promise<Place> {
  const start: Place = { offset: base.offset ?? 0, db: base.db, at: Date.parse(base.at) }
  if (offset === base.offset) return start
  const segment = segmentsFor({ timeline, from: start.offset, to: offset }).at(-1)
  if (segment === undefined) return start
  let framer: StreamFramer | undefined
  let place = start
  for await (const { piece, offset: at, bytes } of readSegment(reading, segment)) {
    if (at + bytes.length <= start.offset || at >= offset) continue // read on: the hash has the last word
    const isNew = framer === undefined || at === piece.from
    const begin = piece.from >= start.offset ? { offset: piece.from, db: piece.db } : start
    if (isNew) framer = new StreamFramer({ ...begin, name: segment.key })
    const skip = Math.max(0, start.offset - at)
    const frame = framer?.push(bytes.subarray(skip, Math.max(skip, offset - at)))
    if (frame !== undefined) place = { offset: frame.safe, db: frame.db, at: piece.toTime }
  }
  return place
}

function targetAt(shard: string, { timeline, base }: Reach, { offset, db, at }: Place): Target {
  const segments = segmentsFor({ timeline, from: base.offset ?? 0, to: offset })
  return { shard, timeline, base, offset, db, at, segments }
}

/** Something of the same timeline came later: what was between is lost, and a moment in it is nothing that ever was. */
function refuseHole(shard: Shard, { timeline, to = 0, toTime }: Reach, at: number): void {
  const next = timeline.bases.find(({ offset }) => offset !== null && offset > to)
  const later = timeline.stretches.find((stretch) => stretch.from > to)
  if (next === undefined && later === undefined) return
  const until = Math.min(next === undefined ? Infinity : Date.parse(next.at), later?.fromTime ?? Infinity)
  if (at === toTime) return
  const hint = `Before it: --at ${showTime(toTime)}. Behind it: ${next === undefined ? 'nothing yet, a base is missing' : `--id ${next.id}`}.`
  const why = `${showTime(at)} lies in a hole from ${showTime(toTime)} to ${showTime(until)}: ${holeAt(timeline, to)}`
  throw impossible(shard, why, hint)
}

function holeAt(timeline: Timeline, offset: number): string {
  if (offset < timeline.prunedTo) return 'retention has removed the stream there'
  const hole = holesOf(timeline).find(({ from, to }) => from <= offset && to > offset)
  return hole === undefined ? 'the stream ends there' : `offsets ${hole.from} to ${hole.to}, ${hole.why}`
}

function impossible(shard: Shard, why: string, hint = rangeOf(shard)): Fault {
  const target = `shard ${shard.name}`
  return new Fault({ doing: 'looking for what to restore in', target, why, hint, exit: 1, retryable: false })
}

function rangeOf(shard: Shard): string {
  const reaches = reachesOf(shard)
  if (reaches.length === 0) return 'respite backup takes a base.'
  const from = Math.min(...reaches.map(({ fromTime }) => fromTime))
  const to = Math.max(...reaches.map(({ toTime }) => toTime))
  return `What it has is from ${showTime(from)} to ${showTime(to)} (${formatDuration(to - from)}): respite backups lists it.`
}

function showTime(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString() : 'now'
}
