// What a restore into a folder will do, before it does anything: from which base, with how much of the stream, how old the
// data will be, what will not be as one may expect. For a Cluster that is one plan for each shard.

import { join } from 'node:path'
import type { DeploymentArchive, Shard } from '../archive/catalog.ts'
import { findTarget, type Target, type Wish } from '../archive/find-target.ts'
import type { Reading } from '../archive/read-segment.ts'
import type { ServerContext } from '../archive/server-context.ts'
import { Fault } from '../lib/fault.ts'
import { formatDuration } from '../lib/units.ts'
import { needsOf, readServerFiles, startOptions } from './server-files.ts'

export type Format = 'rdb' | 'aof' | 'aof-single'

export const FORMATS: readonly Format[] = ['rdb', 'aof', 'aof-single']

export interface ShardPlan {
  readonly target: Target
  readonly streamBytes: number // of commands that are replayed on its RDB
  readonly bytes: number // on the disk, without what stands between the pieces
  readonly server: ServerContext | undefined
  readonly folder: string // where its files will be
  readonly start: string // the command that starts a server on it
}

export interface RestorePlan {
  readonly deployment: string
  readonly format: Format
  readonly dir: string
  readonly at: number // when the last write of the oldest shard came, epoch ms
  readonly bytes: number
  readonly shards: readonly ShardPlan[]
  readonly notes: readonly string[]
}

export interface Wanted {
  readonly archive: DeploymentArchive
  readonly wish: Wish
  readonly format: Format
  readonly dir: string // absolute
}

/** Throws a Fault when that cannot be restored so. */
export async function planRestore(reading: Reading, wanted: Wanted): Promise<RestorePlan> {
  const { archive, wish, format, dir } = wanted
  const plans: ShardPlan[] = []
  const notes: string[] = []
  const shards = shardsFor(archive, wish)
  for (const shard of shards) {
    const target = await findTarget(reading, { archive, shard, wish })
    const incrementBytes = target.base.increment?.bytes ?? 0
    if (format === 'rdb' && target.segments.length + incrementBytes > 0) throw noRdb(target)
    const context = await readServerFiles(reading, target.base)
    const server = typeof context === 'string' ? undefined : context
    const folder = archive.shards.length > 1 ? join(dir, shard.name) : dir
    const streamBytes = target.segments.length === 0 ? incrementBytes : (target.offset ?? 0) - (target.base.offset ?? 0)
    const start = startCommand(folder, { target, format, server, isCluster: archive.about?.kind === 'cluster' })
    plans.push({ target, streamBytes, bytes: target.base.rdb.bytes + streamBytes, server, folder, start })
    const label = archive.shards.length > 1 ? `Shard ${shard.name}: ` : ''
    const needs = typeof context === 'string' ? [context] : needsOf(context)
    notes.push(...[...notesOf(shard, target, wish), ...needs].map((note) => label + note))
  }
  if (format === 'rdb') notes.push(RDB_NOTE)
  if (shards.length < archive.shards.length)
    notes.push(
      `Of ${archive.shards.length} shards only ${shards.map(({ name }) => name).join(', ')}: the base is its own.`,
    )
  return {
    deployment: archive.name,
    format,
    dir,
    at: Math.min(...plans.map(({ target }) => target.at)),
    bytes: plans.reduce((sum, { bytes }) => sum + bytes, 0),
    shards: plans,
    notes,
  }
}

function shardsFor({ name, shards }: DeploymentArchive, wish: Wish): readonly Shard[] {
  if (wish.kind === 'base')
    return shards
      .filter(({ timelines }) => timelines.some(({ bases }) => bases.some(({ id }) => id === wish.id)))
      .concat(
        shards.some(({ timelines }) => timelines.some(({ bases }) => bases.some(({ id }) => id === wish.id)))
          ? []
          : shards.slice(0, 1), // which says what there is
      )
  if (wish.kind !== 'offset' || shards.length <= 1) return shards
  throw new Fault({
    doing: 'restoring',
    target: name,
    why: `it has ${shards.length} shards, and each counts its own offsets`,
    hint: 'Use --at TIME or --before POINT.',
    exit: 64,
  })
}

const RDB_NOTE =
  'A server that loads a dump.rdb leaves out keys that have expired meanwhile, and one with `appendonly yes` ignores the file and starts empty.'

function noRdb({ base, offset }: Target): Fault {
  if (base.increment !== undefined) {
    const why = `its base ${base.id} is an append-only file: ${base.increment.bytes} bytes of commands stand behind its RDB`
    return new Fault({ doing: 'restoring as', target: 'rdb', why, hint: 'Take --format aof or aof-single.', exit: 1 })
  }
  const why = `the moment lies ${(offset ?? 0) - (base.offset ?? 0)} bytes of stream behind its base`
  const hint = `An RDB holds a base alone: --id ${base.id} with --format rdb, or this moment with --format aof.`
  return new Fault({ doing: 'restoring as', target: 'rdb', why, hint, exit: 1 })
}

function notesOf(shard: Shard, { base, at, timeline }: Target, wish: Wish): string[] {
  const notes: string[] = []
  const later = shard.timelines.filter(({ id, bases }) => id > timeline.id && bases.length > 0)
  if (!base.consistent) notes.push(`The base is not of one moment: it was read by ${base.method} while others wrote.`)
  if (!base.complete) notes.push('The base holds a type that was not known when it was taken; its bytes are complete.')
  for (const { name, keys } of base.notDecoded)
    notes.push(`${keys} keys of the module ${name}: the server has to have it.`)
  if (later.length > 0)
    notes.push(
      `The history went on otherwise: ${later.map(({ id, about }) => `${id} (${about?.why ?? '?'})`).join(', ')}.`,
    )
  const { parent = null, why = '' } = timeline.about ?? {}
  if (parent !== null) notes.push(`This history began anew (${why}); the one before it is timeline ${parent.timeline}.`)
  if (wish.kind === 'time' && wish.at - at > ENDED_BEFORE_MS)
    notes.push(
      `The last write that is there came ${formatDuration(wish.at - at)} before the moment that was asked for.`,
    )
  return notes
}

const ENDED_BEFORE_MS = 11_000 // a primary pings its replicas every 10 s: a longer silence is none

interface Start {
  readonly target: Target
  readonly format: Format
  readonly server: ServerContext | undefined
  readonly isCluster: boolean
}

function startCommand(folder: string, { target, format, server, isCluster }: Start): string {
  const program = target.base.flavour === 'valkey' ? 'valkey-server' : 'redis-server'
  const words = [
    program,
    '--dir',
    quoted(folder),
    '--appendonly',
    format === 'rdb' ? 'no' : 'yes',
    ...(server === undefined ? [] : startOptions(server)),
    ...(isCluster ? ['--cluster-enabled', 'yes'] : []),
  ]
  return words.join(' ')
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
