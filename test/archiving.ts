// Archives real servers in a test, reads back what lies in the store, and lays it out by hand for a stock server: without
// our own restore, as docs/formats/archive.md tells a person to.

import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { startArchiver, type ArchiveEvent, type Archiver, type ArchiverOptions } from '../src/archive/archiver.ts'
import { scanContents } from '../src/archive/base-contents.ts'
import { readCatalog, type StoredBase, type StoredSegment, type Timeline } from '../src/archive/catalog.ts'
import { introduceArchive } from '../src/archive/documents.ts'
import { keysOf } from '../src/archive/keys.ts'
import { readPieces } from '../src/archive/pieces.ts'
import { unseal, type UnsealOptions } from '../src/archive/seal.ts'
import type { ShardServer } from '../src/archive/shard-archiver.ts'
import { openStorage, type Store } from '../src/archive/store/storage.ts'
import { cover } from '../src/archive/stretches.ts'
import type { RemovalCounts } from '../src/archive/tripwire.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { infoNumber, parseInfo, type Info } from '../src/redis/info.ts'
import { encodeCommand } from '../src/redis/resp.ts'

export const DEPLOYMENT = 'orders'
export const SHARD = '0'

export interface Archived {
  readonly archiver: Archiver
  readonly store: Store
  readonly dataDir: string
  readonly events: ArchiveEvent[]
  readonly looks: number // how often the tripwire has asked for counts
  stop(): Promise<void>
}

export interface ArchivedOptions extends Partial<ArchiverOptions> {
  readonly dataDir?: string
  /** All servers of the deployment, the primary first. */
  servers(): readonly Server[]
}

/** A new folder as a store; closed and removed with the test. */
export async function folderStore(t: TestContext): Promise<Store> {
  const folder = makeFolder('archive')
  const store = await openStorage(`file://${folder}`, { clock: systemClock })
  t.after(() => {
    store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return store
}

/** The same store behind a gate: each `put` waits for it, and fails when it throws. */
export function gated(real: Store, gate: (key: string) => Promise<void> | undefined): Store {
  return {
    shown: real.shown,
    put: async (key, bytes) => (await gate(key), await real.put(key, bytes)),
    create: (key, bytes) => real.create(key, bytes),
    conditionalCreate: () => real.conditionalCreate(),
    putStream: async (key, source, options) => (await gate(key), await real.putStream(key, source, options)),
    get: (key, range) => real.get(key, range),
    getAll: (key, maxBytes) => real.getAll(key, maxBytes),
    head: (key) => real.head(key),
    list: (prefix) => real.list(prefix),
    remove: (key) => real.remove(key),
    check: () => real.check(),
    sweep: () => real.sweep(),
    close: () => real.close(),
  }
}

/** Starts to archive; ends with the test. */
export async function archive(t: TestContext, store: Store, options: ArchivedOptions): Promise<Archived> {
  const { servers, dataDir = makeFolder('data'), ...more } = options
  const events: ArchiveEvent[] = []
  let looks = 0
  await introduceArchive({ store, deployment: DEPLOYMENT, kind: 'standalone', clock: systemClock }, keysOf(DEPLOYMENT))
  const archiver = await startArchiver(
    {
      deployment: DEPLOYMENT,
      kind: 'standalone',
      store,
      dataDir,
      recipients: [],
      archiver: 'one',
      attach: 'replica',
      baseEveryMs: 3_600_000,
      segmentEveryMs: 200,
      spoolBytes: 1024 * 1024 * 1024,
      clock: systemClock,
      log: silentLog,
      shards: () => [{ name: SHARD, servers: servers().map((server, at) => candidateOf(server, at === 0)) }],
      contextOf: async () => ({
        config: {},
        acl: [],
        modules: [],
        clusterNodes: null,
        sentinels: [],
        couldNotLook: [],
      }),
      removalCounts: async () => {
        looks += 1
        return countsOf(servers()[0])
      },
      makeScan: () => scanContents({ target: DEPLOYMENT, namespaces: [], isSealed: false }),
      onEvent: (event) => void events.push(event),
      ...more,
    },
    new AbortController().signal,
  )
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => (stopping ??= archiver.stop(5_000))
  t.after(async () => {
    await stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  return {
    archiver,
    store,
    dataDir,
    events,
    stop,
    get looks() {
      return looks
    },
  }
}

export function candidateOf({ id, address, access, running }: Server, isPrimary: boolean): ShardServer {
  return { id, address, access, role: isPrimary ? 'primary' : 'replica', answers: running, ask: undefined }
}

export async function infoOf(server: Server, ...sections: string[]): Promise<Info> {
  return parseInfo(await server.cli('INFO', ...sections))
}

export async function offsetOf(server: Server): Promise<number> {
  return infoNumber(await infoOf(server, 'replication'), 'master_repl_offset') ?? NaN
}

async function countsOf(server: Server | undefined): Promise<RemovalCounts | undefined> {
  if (server?.running !== true) return undefined
  const info = await infoOf(server)
  const number = (name: string): number => infoNumber(info, name) ?? 0
  const keys = [...info].reduce((sum, [, line]) => sum + Number(/^keys=(\d+)/.exec(line)?.[1] ?? 0), 0)
  const [replid = '', offset] = [info.get('master_replid'), number('master_repl_offset')]
  return { replid, offset, keys, expired: number('expired_keys'), evicted: number('evicted_keys') }
}

/** Everything that the server has is in the store, with a base to replay it on. */
export async function stored({ archiver }: Archived, server: Server, shard = SHARD): Promise<number> {
  return until(
    'all of it is in the store',
    async () => {
      const offset = await offsetOf(server)
      const status = archiver.status().find((each) => each.shard === shard)
      return status?.replayable === true && status.durable === offset ? offset : false
    },
    { timeoutMs: 60_000 },
  )
}

export async function timelinesOf(store: Store, shard = SHARD): Promise<readonly Timeline[]> {
  const [deployment] = await readCatalog(store, DEPLOYMENT)
  assert.deepEqual(deployment?.trouble, [])
  return deployment?.shards.find(({ name }) => name === shard)?.timelines ?? []
}

/** The newest timeline. */
export async function latest(store: Store, shard = SHARD): Promise<Timeline> {
  return (await timelinesOf(store, shard)).at(-1) ?? assert.fail('nothing was archived')
}

/** Between its stretches, and between a base and the stream, there is nothing that no gap names. */
export function assertNoSilentHole({ bases, stretches, gaps }: Timeline): void {
  for (const [at, { from }] of stretches.entries()) {
    const before = stretches[at - 1]
    const isNamed = before === undefined || gaps.some((gap) => gap.from <= before.to && gap.to >= from)
    assert.ok(isNamed, `a hole from ${before?.to} to ${from} that no gap names`)
    assert.ok(
      bases.some(({ offset }) => offset !== null && offset >= from),
      `nothing that the stream from ${from} on can be replayed on`,
    )
  }
}

/** Whatever ends what was started: a test, or a proof. */
interface Ending {
  after(done: () => Promise<void> | void): void
}

export interface Reading {
  readonly to?: number // offset; the end of the stream when absent
  readonly identities?: readonly string[]
}

/** A stock server with the dataset at an offset, replayed from this base. */
export async function layOut(
  t: Ending,
  store: Store,
  { segments, stretches }: Timeline,
  base: StoredBase,
  { to, identities = [] }: Reading = {},
): Promise<Server> {
  const from = base.offset ?? assert.fail('a base without an offset')
  const end = to ?? stretches.find((each) => each.from <= from && each.to >= from)?.to ?? from
  const chosen = cover(segments, from, end)
  assert.ok((chosen.at(-1)?.to ?? from) >= end, `the stream reaches to ${chosen.at(-1)?.to}, and not to ${end}`)
  const rdb = await Array.fromAsync(read(store, `${base.root}${base.rdb.object}`, identities))
  const stream: Buffer[] = []
  let place = { offset: from, db: base.db }
  for (const segment of chosen) {
    stream.push(await piecesOf(store, segment, { place, to: end, identities }))
    place = { offset: segment.to, db: segment.db }
  }
  const server = await startServer({ name: 'laid-out', debug: true, conf: ['appendonly yes', 'databases 32'] })
  t.after(() => server.stop())
  await server.kill('SIGKILL')
  const dir = join(server.dir, 'appendonlydir')
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir)
  const lines = ['file appendonly.aof.1.base.rdb seq 1 type b']
  writeFileSync(join(dir, 'appendonly.aof.1.base.rdb'), Buffer.concat(rdb))
  for (const [at, bytes] of stream.entries()) {
    writeFileSync(join(dir, `appendonly.aof.${at + 1}.incr.aof`), bytes)
    lines.push(`file appendonly.aof.${at + 1}.incr.aof seq ${at + 1} type i`)
  }
  writeFileSync(join(dir, 'appendonly.aof.manifest'), `${lines.join('\n')}\n`)
  await server.restart()
  await until('the files are loaded', async () => (await infoOf(server, 'persistence')).get('loading') === '0')
  return server
}

function read(store: Store, key: string, identities: readonly string[]): AsyncGenerator<Buffer> {
  const sealed: UnsealOptions['sealed'] = key.endsWith('.age') ? 'zst.age' : 'zst'
  return unseal(store.get(key), { target: key, sealed, identities })
}

/** Its pieces with a SELECT before each, without what lies before `place` or behind `to`. */
async function piecesOf(
  store: Store,
  { key }: StoredSegment,
  { place, to, identities }: { place: { offset: number; db: number }; to: number; identities: readonly string[] },
): Promise<Buffer> {
  const parts: Buffer[] = [selecting(place.db)]
  for await (const { piece, offset, bytes } of readPieces(read(store, key, identities), key)) {
    const part = bytes.subarray(Math.max(0, place.offset - offset), Math.max(0, to - offset))
    if (offset === piece.from && piece.from >= place.offset) parts.push(selecting(piece.db))
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function selecting(db: number): Buffer {
  return Buffer.from(encodeCommand(['SELECT', String(db)]))
}
