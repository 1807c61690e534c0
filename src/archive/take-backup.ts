// One base of one shard now, without a stream behind it: what `respite backup` does. A server that refuses PSYNC (a managed
// service, a narrow ACL) is told by the Fault; the caller may choose another method.

import type { Clock } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { fetchBase } from '../replication/base.ts'
import type { BaseStart, BaseWriter } from '../replication/sink.ts'
import type { BaseScan } from './base-scan.ts'
import { beginBase, type BaseUnderWay } from './base-writer.ts'
import type { Shard } from './catalog.ts'
import { FORMAT, writeDocument, type BaseManifest, type TimelineDocument } from './documents.ts'
import { makeTimelineName, timelineNumber, type DeploymentKeys, type TimelineKeys } from './keys.ts'
import type { ServerContext } from './server-context.ts'
import type { ShardServer } from './shard-archiver.ts'
import type { Store } from './storage.ts'

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
  readonly scan: BaseScan
  readonly context: () => Promise<ServerContext>
  readonly signal: AbortSignal
  readonly why: string
  onProgress(bytes: number, ofBytes: number | undefined): void
}

export async function takeBackup(options: BackupOptions): Promise<BaseManifest> {
  const { store, server, clock, signal, onProgress } = options
  let writer: BaseUnderWay | undefined
  let document: TimelineDocument | undefined
  const onBase = (start: BaseStart): BaseWriter => {
    const place = placeOf(start, options)
    document = place.document
    const begun = beginBase(originOf(start, place.name, options), { ...options, keys: place.keys })
    writer = begun
    return {
      write(chunk) {
        const room = begun.write(chunk)
        onProgress(begun.bytes, start.sizeBytes)
        return room
      },
      end: () => undefined,
      abort: (why) => void begun.abort(why),
    }
  }
  await fetchBase({ source: server, announce: undefined, onBase, clock, signal })
  if (writer === undefined) throw new Fault({ doing: 'taking a base from', target: server.id, why: 'it sent none' })
  if (document !== undefined) {
    const keys = options.keys.timeline(options.shard, document.timeline)
    await writeDocument(store, keys.timeline, document)
  }
  return writer.finish()
}

/** The newest timeline where its history goes on in this one; else the next. */
function placeOf(
  { replid, offset }: BaseStart,
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

function originOf(start: BaseStart, timeline: string, { deployment, shard, server, why }: BackupOptions) {
  const { replid, offset, db, source, flavour, serverVersion = null, sizeBytes } = start
  const place = { deployment, shard, timeline, replid, offset, db }
  const from = { source, role: server.role, serverVersion, flavour, sizeBytes }
  return { ...place, ...from, method: 'psync', consistent: true, why } as const
}
