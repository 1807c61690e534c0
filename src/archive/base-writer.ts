// Writes one base: the RDB goes compressed, encrypted and hashed into the store as it arrives, and past a scanner that
// counts what is in it and checks its CRC. Then what a restore needs beside the data, and the manifest last: without a
// manifest there is no base (docs/formats/archive.md, "Bases").

import { randomBytes } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import type { BaseStart } from '../replication/sink.ts'
import type { BaseScan, BaseContents } from './base-scan.ts'
import { ChunkQueue } from './chunk-queue.ts'
import { FORMAT, writeDocument, type BaseManifest, type BaseMethod, type StoredPart } from './documents.ts'
import { makeBaseId, type TimelineKeys } from './keys.ts'
import { compressFrame, sealFrames, sealingOf, sealStream } from './seal.ts'
import type { ServerContext } from './server-context.ts'
import type { Store } from './store/storage.ts'

/** What is known of a base before its first byte. */
export interface BaseOrigin {
  readonly deployment: string
  readonly shard: string
  readonly timeline: string
  readonly replid: string | null
  readonly offset: number | null
  readonly db: number
  readonly method: BaseMethod
  readonly consistent: boolean
  readonly source: string
  readonly role: BaseManifest['role']
  readonly serverVersion: string | null
  readonly flavour: 'redis' | 'valkey'
  readonly slots?: string
  readonly sizeBytes?: number | undefined
  readonly why: string
}

export interface BaseSurroundings {
  readonly store: Store
  readonly keys: TimelineKeys
  readonly recipients: readonly string[]
  readonly clock: Clock
  readonly log: Log
  readonly scan: BaseScan
  /** Asked when the RDB is in the store. */
  readonly context: () => Promise<ServerContext>
}

export interface BaseUnderWay {
  readonly id: string
  readonly bytes: number // of the RDB, so far
  /** Keeps a copy. Fulfilled when there is room for more. Throws what the store has failed with. */
  write(chunk: Buffer): Promise<void> | undefined
  /** What is replayed on the RDB: whole commands. Resolves when they are in the store; throws what the source or the store has failed with. */
  increment(commands: AsyncIterable<Buffer>): Promise<void>
  /** The RDB is whole. Resolves when the base is in the store with its manifest; else throws, and there is no base. */
  finish(): Promise<BaseManifest>
  /** It will never be whole. What is in the store already is removed. */
  abort(why: Error): Promise<void>
}

const QUEUED_BYTES = 8 * 1024 * 1024

/** Of a base that a replication link brings: whose history it is in, and from whom. */
export function originOfStart(
  start: BaseStart,
  into: Pick<BaseOrigin, 'deployment' | 'shard' | 'timeline' | 'role' | 'why'> & { readonly slots?: string },
): BaseOrigin {
  const { replid, offset, db, source, flavour, serverVersion = null, sizeBytes } = start
  const server = { source, serverVersion, flavour, sizeBytes }
  return { ...into, replid, offset, db, ...server, method: 'psync', consistent: true }
}

export function beginBase(origin: BaseOrigin, surroundings: BaseSurroundings): BaseUnderWay {
  const { store, keys, recipients, clock, scan } = surroundings
  const began = clock.now()
  const id = makeBaseId(began, randomBytes(2).toString('hex'))
  const sealing = sealingOf(recipients)
  const object = `base.rdb.${sealing}`
  const queue = new ChunkQueue(QUEUED_BYTES)
  const sealed = sealStream(queue, recipients)
  let bytes = 0
  let increment: StoredPart | undefined
  let failure: Error | undefined
  const sizeHint = origin.sizeBytes === undefined ? {} : { sizeHint: origin.sizeBytes }
  const upload = store.putStream(keys.base(id, object), sealed.chunks, sizeHint)
  upload.catch((error: Error) => {
    failure = error
    queue.fail(error)
  })
  const discard = async (): Promise<void> => {
    await upload.catch(() => undefined)
    await removeParts(id, [object, ...(increment === undefined ? [] : [increment.object])], surroundings)
  }
  return {
    id,
    get bytes() {
      return bytes
    },
    write(chunk) {
      if (failure !== undefined) throw failure
      bytes += chunk.length
      scan.push(chunk)
      return queue.write(chunk)
    },
    async increment(commands) {
      queue.end()
      await upload // one after the other, so that neither waits half done
      increment = await putIncrement(commands, id, surroundings)
    },
    async finish() {
      queue.end()
      await upload
      const contents = scan.finish()
      if (contents.problem !== undefined || contents.checksum === 'bad') {
        await discard()
        throw contents.problem ?? badChecksum(origin.source)
      }
      const { storedBytes, sha256 } = sealed.result()
      const rdb = { object, bytes, storedBytes, sha256, rdbVersion: contents.rdbVersion, checksum: contents.checksum }
      const server = await writeContext(id, contents, surroundings)
      const manifest = manifestOf({ id, origin, contents, began, tookMs: clock.now() - began, rdb, increment, server })
      await writeDocument(store, keys.base(id, 'manifest.json'), manifest)
      return manifest
    },
    async abort(why) {
      queue.fail(why)
      await discard()
    },
  }
}

async function removeParts(id: string, parts: readonly string[], around: BaseSurroundings): Promise<void> {
  try {
    for (const part of parts) await around.store.remove(around.keys.base(id, part))
  } catch (error) {
    around.log.warn({ base: id, why: reasonOf(error) }, 'could not remove what was written of a base that failed')
  }
}

async function putIncrement(
  commands: AsyncIterable<Buffer>,
  id: string,
  { store, keys, recipients }: BaseSurroundings,
): Promise<StoredPart> {
  const object = `increment.aof.${sealingOf(recipients)}`
  let bytes = 0
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of commands) {
      bytes += chunk.length
      yield chunk
    }
  }
  const sealed = sealStream(counted(), recipients)
  await store.putStream(keys.base(id, object), sealed.chunks)
  return { object, bytes, ...sealed.result() }
}

interface Written {
  readonly id: string
  readonly origin: BaseOrigin
  readonly contents: BaseContents
  readonly began: number
  readonly tookMs: number
  readonly rdb: BaseManifest['rdb']
  readonly increment: StoredPart | undefined
  readonly server: StoredPart | null
}

function manifestOf({ id, origin, contents, began, tookMs, rdb, increment, server }: Written): BaseManifest {
  const { sizeBytes: _hint, why, ...known } = origin
  const { keys, expires, namespaces, notDecoded, complete } = contents
  const at = new Date(began).toISOString()
  const parts = { rdb, ...(increment === undefined ? {} : { increment }), server }
  return { format: FORMAT, id, ...known, at, ...parts, keys, expires, namespaces, notDecoded, complete, tookMs, why }
}

/** Secrets are in it: without encryption it is kept on a local disk only, where the server's own files lie, too. */
async function writeContext(
  id: string,
  contents: BaseContents,
  { store, keys, recipients, context }: BaseSurroundings,
): Promise<StoredPart | null> {
  if (recipients.length === 0 && !store.shown.startsWith('file:')) return null
  const document = { ...(await context()), functions: contents.libraries, analysis: contents.details }
  const plain = Buffer.from(JSON.stringify(document))
  const { bytes, sha256 } = await sealFrames([await compressFrame([plain])], recipients)
  const object = `server.json.${sealingOf(recipients)}`
  await store.put(keys.base(id, object), bytes)
  return { object, bytes: plain.length, storedBytes: bytes.length, sha256 }
}

function badChecksum(source: string): Fault {
  return new Fault({
    doing: 'taking a base from',
    target: source,
    why: "the RDB's checksum does not match its bytes: it was damaged on the way, or in the server's memory",
    hint: 'it is taken again by itself; if that comes back, look for hardware errors on the machine of the server',
  })
}
