// An archive of a real server in a folder, made by the parts that make every archive and without the schedule around them:
// so that tests of reading decide themselves when a base is taken.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { until } from '../lab/until.ts'
import type { Server } from '../lab/servers.ts'
import type { BaseScan } from '../src/archive/base-scan.ts'
import { beginBase, type BaseUnderWay } from '../src/archive/base-writer.ts'
import { readCatalog, type DeploymentArchive, type Shard } from '../src/archive/catalog.ts'
import { FORMAT, writeDocument, type BaseManifest } from '../src/archive/documents.ts'
import { keysOf } from '../src/archive/keys.ts'
import { Outbox } from '../src/archive/outbox.ts'
import { readServerContext } from '../src/archive/server-context.ts'
import { ShardArchive, type SourceFacts } from '../src/archive/shard-archive.ts'
import { openStorage, type Store } from '../src/archive/store/storage.ts'
import { systemClock, type Clock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { Analysis } from '../src/rdb/analysis.ts'
import { RdbScanner } from '../src/rdb/scanner.ts'
import { askOf } from '../src/redis/ask.ts'
import { openConnection } from '../src/redis/connection.ts'
import { parseInfo } from '../src/redis/info.ts'
import { fetchBase } from '../src/replication/base.ts'
import { startLink, type Link } from '../src/replication/link.ts'

export interface ArchivedOptions {
  readonly deployment?: string // 'orders' when absent
  readonly shard?: string // '0'
  readonly recipients?: readonly string[]
  readonly clock?: Clock
  readonly store?: TestStore // a new one when absent
  readonly segmentEveryMs?: number // 200
}

export interface TestStore {
  readonly dir: string
  readonly url: string
  readonly store: Store
  readonly writers: (() => Promise<void>)[] // who writes there: they end before the folder is removed
}

/** An archive that is being written. */
export interface Archived extends TestStore {
  readonly link: Link
  readonly firstBase: BaseManifest
  /** Takes a base over a connection of its own, at which the stream gets a boundary. */
  takeBase(): Promise<BaseManifest>
  /** Everything that the server has written so far is in the store; its offset. */
  caughtUp(): Promise<number>
  /** Ends archiving with everything stored. */
  stop(): Promise<void>
  archive(): Promise<DeploymentArchive>
  shard(): Promise<Shard>
}

export async function openTestStore(t: TestContext): Promise<TestStore> {
  const dir = mkdtempSync(join(tmpdir(), 'respite-archive-'))
  const url = `file://${dir}`
  const store = await openStorage(url, { clock: systemClock })
  const writers: (() => Promise<void>)[] = []
  t.after(async () => {
    await Promise.all(writers.map((stop) => stop()))
    store.close()
    rmSync(dir, { recursive: true, force: true })
  })
  return { dir, url, store, writers }
}

/** Begins to archive a server; resolves when the first base is in the store and the stream flows. */
export async function startArchived(t: TestContext, server: Server, options: ArchivedOptions = {}): Promise<Archived> {
  const { deployment = 'orders', shard = '0', recipients = [], clock = systemClock, segmentEveryMs = 200 } = options
  const place = options.store ?? (await openTestStore(t))
  const { store, dir } = place
  const keys = keysOf(deployment)
  const about = {
    format: FORMAT,
    id: '00'.repeat(8),
    deployment,
    kind: 'standalone',
    created: new Date().toISOString(),
  }
  await writeDocument(store, keys.archive, about)
  const spool = join(dir, '.respite', `spool-${shard}`)
  const outbox = new Outbox({ store, dir: spool, spoolBytes: 2 ** 30, clock, log: silentLog, onLost: () => [] })
  let durable = 0
  const bases: BaseManifest[] = []
  const failures: unknown[] = []
  const aboutSource = (): SourceFacts => ({ role: 'primary', context: () => contextOf(server) })
  const surroundings = { store, deployment, shard, recipients, clock, log: silentLog, makeScan, aboutSource }
  const archive = new ShardArchive(
    {
      ...surroundings,
      keys,
      outbox,
      segmentEveryMs,
      events: {
        onDurable(now) {
          durable = now.offset
          link.acknowledge(now)
        },
        onFrame: () => undefined,
        onBase: (manifest) => void bases.push(manifest),
        onBaseFailed: (error) => void failures.push(error),
        onGap: () => undefined,
        onTimeline: () => undefined,
      },
    },
    undefined,
  )
  const source = { address: server.address, access: server.access }
  const link = startLink({ source: () => source, sink: archive })
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await link.stop()
    await archive.stop()
    await outbox.empty()
    await archive.finish()
    await outbox.stop()
  }
  place.writers.push(() => (stopped ??= stop()))
  const firstBase = await until('the first base is in the store', () => {
    if (failures.length > 0) throw failures[0]
    return link.state === 'streaming' && bases[0]
  })
  const catalog = async (): Promise<DeploymentArchive> => {
    const [found] = await readCatalog(store, deployment)
    if (found === undefined) throw new Error('there is no archive')
    return found
  }
  return {
    ...place,
    link,
    firstBase,
    async takeBase() {
      let begun: BaseUnderWay | undefined
      await fetchBase({
        source,
        announce: undefined,
        onBase({ replid, offset, db, source: id, flavour, serverVersion = null, sizeBytes }) {
          const where = { deployment, shard, timeline: archive.timeline ?? '', replid, offset, db }
          const from = { source: id, role: 'primary', serverVersion, flavour, sizeBytes } as const
          const origin = { ...where, ...from, method: 'psync', consistent: true, why: 'schedule' } as const
          const timelineKeys = keys.timeline(shard, archive.timeline ?? '')
          const writer = beginBase(origin, {
            ...surroundings,
            keys: timelineKeys,
            scan: makeScan(),
            context: aboutSource().context,
          })
          begun = writer
          archive.noteBoundary({ offset, db })
          return { write: (chunk) => writer.write(chunk), end: () => undefined, abort: (why) => void writer.abort(why) }
        },
      })
      if (begun === undefined) throw new Error('no base came')
      const manifest = await begun.finish()
      archive.noteBase(manifest)
      return manifest
    },
    async caughtUp() {
      const wanted = await offsetOf(server)
      await until('all of the stream is in the store', () => durable >= wanted)
      return wanted
    },
    stop: () => (stopped ??= stop()),
    archive: catalog,
    async shard() {
      const found = (await catalog()).shards.find(({ name }) => name === shard)
      if (found === undefined) throw new Error(`there is no shard ${shard}`)
      return found
    },
  }
}

export async function offsetOf(server: Server): Promise<number> {
  const info = parseInfo((await server.cli('INFO', 'replication')).replaceAll('\n', '\r\n'))
  return Number(info.get('master_repl_offset'))
}

async function contextOf(server: Server): ReturnType<SourceFacts['context']> {
  const connection = await openConnection({ address: server.address, access: server.access, timeoutMs: 10_000 })
  try {
    return await readServerContext(askOf(connection.send), false, [])
  } finally {
    connection.close()
  }
}

function makeScan(): BaseScan {
  const analysis = new Analysis()
  const scanner = new RdbScanner(analysis, { target: 'the base' })
  return {
    push: (chunk) => void scanner.push(chunk),
    finish() {
      const { keys, expires } = analysis
      const { rdbVersion, checksum, complete, problem } = scanner.finish()
      const namespaces = analysis.namespaces
        .list()
        .map(({ name, keys: count, bytes, withTtl }) => ({ name: name.toString(), keys: count, bytes, withTtl }))
      const found = { rdbVersion, checksum, complete, problem, keys, expires, namespaces }
      return { ...found, notDecoded: [], libraries: analysis.libraries.map(String), details: {} }
    },
  }
}
