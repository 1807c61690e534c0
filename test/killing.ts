// A server, an archiver of it as a process of its own, and a store, each of which can be killed and started again; and
// what is left of it in the archive: read back object by object, and restored by a stock server.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, spawnChild, type Child } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { readCatalog, type DeploymentArchive, type Timeline } from '../src/archive/catalog.ts'
import { holesOf } from '../src/archive/holes.ts'
import { openStorage, type StorageOptions, type Store } from '../src/archive/store/storage.ts'
import { verifyArchive } from '../src/archive/verify.ts'
import { systemClock } from '../src/lib/clock.ts'
import { layOut } from '../src/restore/lay-out.ts'
import { planRestore } from '../src/restore/plan-restore.ts'
import { DEPLOYMENT, infoOf } from './archiving.ts'
import { RESPITE } from './daemon-process.ts'

export interface ArchivingOptions {
  readonly url: string // of the deployment
  readonly store: string // its URL
  readonly way?: string // the URL by which the archiver reaches it, where that is another one
  readonly storage?: Partial<StorageOptions>
  readonly words?: readonly string[] // more of the command line
}

const PATIENTLY = { timeoutMs: 120_000, everyMs: 100 }

/** The archive of one deployment, as a test kills, reads and restores it. */
export class KilledArchive {
  readonly store: Store
  readonly #options: ArchivingOptions
  readonly #data = makeFolder('data')
  readonly #verified = new Set<string>() // keys of objects that were read back
  #archiver: Child | undefined

  private constructor(options: ArchivingOptions, store: Store) {
    this.#options = options
    this.store = store
  }

  static async open(options: ArchivingOptions): Promise<KilledArchive> {
    return new KilledArchive(options, await openStorage(options.store, { clock: systemClock, ...options.storage }))
  }

  /** `respite archive`; resolves as soon as the process runs. */
  async start(): Promise<void> {
    const { url, store, way = store, storage, words = [] } = this.#options
    const all = ['archive', url, '--json', '--name', DEPLOYMENT, '--to', way, '--data', this.#data, ...words]
    const { credentialsFile } = storage ?? {}
    const env = credentialsFile === undefined ? {} : { AWS_SHARED_CREDENTIALS_FILE: credentialsFile }
    this.#archiver = await spawnChild(RESPITE, all, { name: 'archiver', dir: this.#data, env })
  }

  async kill(): Promise<void> {
    const archiver = this.#archiver
    if (archiver === undefined) return
    assert.ok(archiver.running, `the archiver has ended by itself: ${this.says()}`)
    archiver.kill('SIGKILL')
    this.#archiver = undefined
    await archiver.exited
  }

  /** The end of what the archiver printed. */
  says(): string {
    return readFileSync(join(this.#data, 'output.log'), 'utf8').trimEnd().split('\n').slice(-60).join('\n')
  }

  async catalogue(): Promise<DeploymentArchive> {
    const [archive] = await readCatalog(this.store, DEPLOYMENT)
    return archive ?? assert.fail('nothing was archived')
  }

  async timelines(shard?: string): Promise<readonly Timeline[]> {
    const { shards } = await this.catalogue()
    return shards.find(({ name }) => shard === undefined || name === shard)?.timelines ?? []
  }

  /** Everything that this server has written so far is in the store, with a base to replay it on. Writes a key. */
  async caughtUp(server: Server): Promise<void> {
    await server.cli('SET', 'mark', String(Math.random()))
    await this.coversAll(server)
  }

  /** The same without a write. */
  async coversAll(server: Server): Promise<void> {
    await until(`all of ${server.id} is in the store`, async () => this.#covers(server), PATIENTLY)
  }

  async #covers(server: Server): Promise<boolean> {
    // With its first replica a server takes another id.
    const info = await infoOf(server, 'replication')
    const [replid, offset] = [info.get('master_replid'), Number(info.get('master_repl_offset'))]
    const { shards } = await this.catalogue()
    return shards.some(({ timelines }) => {
      const { about, replids, stretches, bases } = timelines.at(-1) ?? assert.fail()
      const isThis = [about, ...replids].some((each) => each?.replid === replid)
      const end = stretches.at(-1)
      const isReplayable = bases.some((base) => (base.offset ?? -1) >= (end?.from ?? 0))
      return isThis && isReplayable && (end?.to ?? 0) >= offset
    })
  }

  /** What was stored since the last time is as it was stored, and what is missing is written down. */
  async check(): Promise<void> {
    const archive = await this.catalogue()
    assert.deepEqual(archive.trouble, [])
    for (const { timelines } of archive.shards)
      for (const timeline of timelines)
        assert.deepEqual(
          holesOf(timeline).filter(({ recorded }) => !recorded),
          [],
          `holes in ${timeline.id} that nobody wrote down`,
        )
    const fresh = this.#without(archive)
    const options = { store: this.store, identities: [], only: [], share: 1, record: false, clock: systemClock }
    const { bad } = await verifyArchive(fresh, { ...options, onProgress: () => undefined })
    assert.deepEqual(bad, [])
  }

  /** The same archive without the objects that were read back before. */
  #without(archive: DeploymentArchive): DeploymentArchive {
    const isNew = (key: string): boolean => !this.#verified.has(key) && this.#verified.add(key) !== undefined
    const shards = archive.shards.map(({ name, timelines }) => ({
      name,
      timelines: timelines.map((timeline) => ({
        ...timeline,
        bases: timeline.bases.filter(({ root }) => isNew(root)),
        segments: timeline.segments.filter(({ key }) => isNew(key)),
      })),
    }))
    return { ...archive, shards }
  }

  /**
   * A stock server on what a restore gives: the latest moment there is, or that of the first so many timelines. Of a
   * Cluster one of its shards.
   */
  async restore({ timelines = Infinity, shard = '0' } = {}): Promise<Server> {
    // While it is read, the archiver may join segments to larger ones and remove them.
    const dir = await until('it is laid out', () => this.#layOut(timelines, shard), PATIENTLY)
    const conf = ['databases 32', 'appendonly yes', `dir ${dir}`]
    const server = await startServer({ name: 'restored', debug: true, conf })
    await until('it is loaded', async () => (await infoOf(server, 'persistence')).get('loading') === '0', PATIENTLY)
    return {
      ...server,
      stop: async () => {
        await server.kill('SIGKILL')
        await server.stop()
        rmSync(dir, { recursive: true, force: true })
      },
    }
  }

  async #layOut(timelines: number, shard: string): Promise<string> {
    const whole = await this.catalogue()
    const chosen = whole.shards.filter(({ name }) => name === shard)
    const shards = chosen.map((each) => ({ ...each, timelines: each.timelines.slice(0, timelines) }))
    const archive = { ...whole, shards }
    const reading = { store: this.store, identities: [] }
    const dir = makeFolder('restored')
    const plan = await planRestore(reading, { archive, wish: { kind: 'latest' }, format: 'aof', dir })
    await layOut(reading, plan, { signal: new AbortController().signal, onProgress: () => undefined })
    return dir
  }

  /** Ends archiving as a person does, and says how `respite verify` ends on all of it: its exit code and what it prints. */
  async end(): Promise<{ readonly archiver: string; readonly verify: number; readonly says: string }> {
    this.#archiver?.kill('SIGTERM')
    const archiver = (await this.#archiver?.exited) ?? 'was not running'
    const { store, storage } = this.#options
    const login = storage?.credentialsFile === undefined ? [] : ['--credentials-file', storage.credentialsFile]
    const verified = await new Promise<{ verify: number; says: string }>((resolve) => {
      execFile(RESPITE, ['verify', store, ...login], { maxBuffer: 2 ** 26 }, (error, out, err) => {
        resolve({ verify: error === null ? 0 : Number(error.code ?? 2), says: out + err })
      })
    })
    this.store.close()
    rmSync(this.#data, { recursive: true, force: true })
    return { archiver, ...verified }
  }
}
