// One base of one shard now, without a stream behind it: what `respite backup` does. A server that refuses one way of giving
// its dataset (a managed service without PSYNC, a narrow ACL, files that cannot be reached) is asked for it in the next one.

import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { SaveFailed } from '../redis/save.ts'
import { fetchBase } from '../replication/base.ts'
import { refusesPsync } from '../replication/trouble.ts'
import { aofBase } from './aof-base.ts'
import {
  MethodRefused,
  type BaseHead,
  type FetchBase,
  type MethodChoice,
  type Reached,
  type WholeBaseWriter,
} from './base-method.ts'
import type { BaseScan } from './base-scan.ts'
import { beginBase, type BaseOrigin, type BaseUnderWay } from './base-writer.ts'
import type { Shard } from './catalog.ts'
import { FORMAT, writeDocument, type BaseManifest, type TimelineDocument } from './documents.ts'
import { makeTimelineName, timelineNumber, type DeploymentKeys, type TimelineKeys } from './keys.ts'
import { savedBase } from './saved-base.ts'
import { scanBase } from './scan-base.ts'
import type { ServerContext } from './server-context.ts'
import type { ShardServer } from './shard-archiver.ts'
import type { Store } from './store/storage.ts'

export interface BackupOptions {
  readonly store: Store
  readonly keys: DeploymentKeys
  readonly deployment: string
  readonly shard: string
  readonly known: Shard | undefined // what the archive has of it
  readonly server: ShardServer
  readonly recipients: readonly string[]
  readonly clock: Clock
  readonly log: Log
  makeScan(): BaseScan // of one attempt
  readonly context: () => Promise<ServerContext>
  readonly signal: AbortSignal
  readonly why: string
  readonly method: MethodChoice
  readonly keysPerSecond: number // of `scan`
  /** Where a path of the server's machine is read from here. */
  reach(path: string): Promise<Reached>
  /** What a person may want to know of how it is taken. */
  onNotice(says: string): void
  onProgress(bytes: number, ofBytes: number | undefined): void
}

const IN_TURN = ['psync', 'bgsave', 'aof', 'scan'] as const
type Method = (typeof IN_TURN)[number]

/** Throws a Fault when no method that was asked for gives a base. */
export async function takeBackup(options: BackupOptions): Promise<BaseManifest> {
  const { method, server, onNotice } = options
  const methods: readonly Method[] = method === 'auto' ? IN_TURN : [method]
  let failed: SaveFailed | undefined // a server that cannot save is in trouble: its files are taken, and else it is told
  for (const [at, each] of methods.entries()) {
    try {
      return await takeBy(each, options)
    } catch (error) {
      const next = methods[at + 1]
      if (failed !== undefined) throw error instanceof MethodRefused ? failed : error
      if (error instanceof SaveFailed && next === 'aof') failed = error
      else if (next === undefined || !(error instanceof MethodRefused || refusesPsync(error))) throw error
      onNotice(`${server.id}: ${each} does not go (${reasonOf(error)}); ${next} is tried`)
    }
  }
  throw new Error('there is no method')
}

async function takeBy(method: Method, options: BackupOptions): Promise<BaseManifest> {
  const { store, onProgress } = options
  let writer: BaseUnderWay | undefined
  let document: TimelineDocument | undefined
  const onBase = (head: BaseHead): WholeBaseWriter => {
    const place = placeOf(head, options)
    document = place.document
    const begun = beginBase(originOf(head, place.name, options), {
      ...options,
      scan: options.makeScan(),
      keys: place.keys,
    })
    writer = begun
    return {
      write(chunk) {
        const room = begun.write(chunk)
        onProgress(begun.bytes, head.sizeBytes)
        return room
      },
      increment: (commands) => begun.increment(commands),
      end: () => undefined,
      abort: (why) => void begun.abort(why),
    }
  }
  await fetching(method, options)(onBase)
  if (writer === undefined)
    throw new Fault({ doing: 'taking a base from', target: options.server.id, why: 'it sent none' })
  if (document !== undefined) {
    const keys = options.keys.timeline(options.shard, document.timeline)
    await writeDocument(store, keys.timeline, document)
  }
  return writer.finish()
}

function fetching(method: Method, options: BackupOptions): FetchBase {
  const { server, onNotice } = options
  const onWait = (why: string): void => onNotice(`${server.id}: waits, since ${why}`)
  const onMoved = (keys: number): void =>
    onNotice(
      `${server.id}: ${keys} keys were being moved to another shard; they may be missing. Take it again when that is done.`,
    )
  if (method === 'bgsave') return savedBase({ ...options, source: server, onWait })
  if (method === 'aof') return aofBase({ ...options, source: server, onWait })
  if (method === 'scan') return scanBase({ ...options, source: server, onMoved })
  const { clock, signal } = options
  return async (onBase) => {
    await fetchBase({
      source: server,
      announce: undefined,
      clock,
      signal,
      onBase: (start) => onBase({ ...start, method: 'psync', consistent: true, near: start }),
    })
  }
}

/** The newest timeline where its history goes on in this one; else the next. */
function placeOf(
  { near: { replid, offset } }: BaseHead,
  { keys, shard, known, clock }: BackupOptions,
): { name: string; keys: TimelineKeys; document: TimelineDocument | undefined } {
  const newest = known?.timelines.findLast(({ about, bases, segments }) => about ?? bases[0] ?? segments[0])
  const ids = [newest?.about?.replid, ...(newest?.replids.map((change) => change.replid) ?? [])]
  const end = Math.max(0, newest?.stretches.at(-1)?.to ?? 0, newest?.bases.at(-1)?.offset ?? 0)
  if (newest !== undefined && ids.includes(replid) && offset >= end)
    return { name: newest.id, keys: keys.timeline(shard, newest.id), document: undefined }
  const name = makeTimelineName((newest === undefined ? 0 : (timelineNumber(newest.id) ?? 0)) + 1, replid)
  const parent = newest === undefined ? null : { timeline: newest.id, offset: null }
  const why = newest === undefined ? 'the archive begins here' : 'the server has another history than the last base'
  const at = new Date(clock.now()).toISOString()
  const document = { format: FORMAT, timeline: name, replid, fromOffset: offset, parent, why, at }
  return { name, keys: keys.timeline(shard, name), document }
}

function originOf(head: BaseHead, timeline: string, { deployment, shard, server, why }: BackupOptions): BaseOrigin {
  const { method, consistent, replid, offset, db, source, flavour, serverVersion = null, sizeBytes } = head
  const place = { deployment, shard, timeline, replid, offset, db }
  const from = { source, role: server.role, serverVersion, flavour, sizeBytes }
  return { ...place, ...from, method, consistent, why }
}
