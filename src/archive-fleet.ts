// Joins the two halves that do not know each other: the fleet, which knows who the servers of a deployment are, and the
// archiver, which keeps what they write. Servers are handed over as plain data; lag is counted against the primary.

import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { startArchiver, type Archiver, type ArchiveEvent } from './archive/archiver.ts'
import { scanContents, type NamespacePattern } from './archive/base-contents.ts'
import { hasBase, readCatalog } from './archive/catalog.ts'
import { introduceArchive } from './archive/documents.ts'
import { keysOf } from './archive/keys.ts'
import { lookBeforeFirstBase } from './archive/preflight.ts'
import type { Keep } from './archive/retention.ts'
import type { ShardStatus } from './archive/shard-archiver.ts'
import { openStorage, type Store } from './archive/store/storage.ts'
import { DeploymentServers } from './deployment-servers.ts'
import { makeOffsetTrail, type OffsetTrail } from './fleet/lag.ts'
import type { Fleet } from './fleet/server.ts'
import type { Clock, Timer } from './lib/clock.ts'
import { Fault, reasonOf } from './lib/fault.ts'
import type { Log } from './lib/log.ts'
import { infoNumber } from './redis/info.ts'
import type { Attach } from './replication/choose-source.ts'

export interface BackupSettings {
  readonly to: string // the URL of a store
  readonly credentialsFile?: string | undefined // its login; undefined: what the store's own tools use
  readonly recipients: readonly string[] // age public keys; none: not encrypted
  readonly identities: readonly string[] // age private keys, to read back what is encrypted; none: its hashes only
  readonly attach: Attach
  readonly everyMs: number // between two bases
  readonly keep?: Keep | undefined // what is kept when it grows old; undefined: everything, until a person prunes
  readonly namespaces: readonly NamespacePattern[]
}

export interface ArchiveFleetOptions {
  readonly fleet: Fleet
  readonly deployment: string
  readonly backup: BackupSettings
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal // gives up waiting for the lease of one that may be dead
  onEvent(event: ArchiveEvent): void
}

export interface ShardReport extends ShardStatus {
  readonly lagSeconds: number | undefined // age of the oldest write of the primary that is not in the store; undefined: not known
}

export interface FleetArchive {
  readonly store: string // for people
  status(): readonly ShardReport[]
  takeBases(why: string): void
  stop(withinMs?: number): Promise<void>
}

const SPOOL_BYTES = 1024 * 1024 * 1024
// When a segment is closed. A file costs the same whatever its size; of an object the upload should not take long.
const ON_DISK = { segmentEveryMs: 1_000, segmentBytes: 16 * 1024 * 1024 }
const AS_OBJECTS = { segmentEveryMs: 2_000, segmentBytes: 8 * 1024 * 1024 }
const OFFSET_EVERY_MS = 1_000
const ARCHIVER_ID = 'archiver-id'
const SEEN = 'store' // its hash, once there was an archive in it: from then on an empty folder is a disk that is missing
const SWEEP_FIRST_MS = 10 * 60_000
const SWEEP_EVERY_MS = 24 * 3_600_000

/** Starts to archive a deployment of the fleet. Throws a Fault when that cannot begin: the store, the lease, the servers. */
export async function archiveFleet(options: ArchiveFleetOptions): Promise<FleetArchive> {
  const { fleet, deployment, backup, dataDir, clock, log, signal, onEvent } = options
  const seen = join(dataDir, 'archives', keysOf(deployment).root, SEEN)
  const { to, credentialsFile } = backup
  const store = await openStorage(to, { clock, credentialsFile, mustExist: await hasSeen(seen, to) })
  try {
    const servers = new DeploymentServers(fleet, deployment)
    await servers.settle()
    await store.check() // makes the folder of a new store, too
    await introduceArchive({ store, deployment, kind: servers.kind, clock }, keysOf(deployment))
    await keepSeen(seen, backup.to)
    const [known] = await readCatalog(store, deployment)
    for (const shard of known?.shards ?? []) servers.rememberShard(shard)
    const { recipients, attach } = backup
    if (known?.shards.some(hasBase) !== true) {
      const looked = { store, recipients, servers: servers.toCheck(attach), clock, signal }
      await lookBeforeFirstBase({ ...looked, method: 'psync', isStreamWanted: true }, (says) =>
        onEvent({ event: 'warning', says }),
      )
    }
    const archiver = await startArchiver(
      {
        deployment,
        store,
        dataDir,
        clock,
        log,
        onEvent,
        kind: servers.kind,
        recipients,
        archiver: await archiverId(dataDir),
        attach,
        baseEveryMs: backup.everyMs,
        ...(backup.to.startsWith('file:') ? ON_DISK : AS_OBJECTS),
        spoolBytes: SPOOL_BYTES,
        shards: () => servers.shards(),
        contextOf: (server) => servers.contextOf(server),
        removalCounts: (shard) => servers.removalCounts(shard),
        makeScan: () =>
          scanContents({ target: deployment, namespaces: backup.namespaces, isSealed: recipients.length > 0 }),
      },
      signal,
    )
    fleet.onChange(() => archiver.changed())
    return new RunningFleetArchive(archiver, { servers, store, clock, log })
  } catch (error) {
    store.close()
    throw error
  }
}

interface Surroundings {
  readonly servers: DeploymentServers
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
}

class RunningFleetArchive implements FleetArchive {
  readonly store: string
  readonly #archiver: Archiver
  readonly #servers: DeploymentServers
  readonly #store: Store
  readonly #clock: Clock
  readonly #trails = new Map<string, { readonly replid: string; readonly trail: OffsetTrail }>()
  readonly #log: Log
  #timer: Timer | undefined
  #sweeping: Timer | undefined

  constructor(archiver: Archiver, { servers, store, clock, log }: Surroundings) {
    this.#archiver = archiver
    this.#servers = servers
    this.#store = store
    this.#clock = clock
    this.#log = log
    this.store = store.shown
    this.#tick()
    this.#sweepAfter(SWEEP_FIRST_MS)
  }

  status(): readonly ShardReport[] {
    return this.#archiver.status().map((status) => ({ ...status, lagSeconds: this.#lagOf(status) }))
  }

  takeBases(why: string): void {
    this.#archiver.takeBases(why)
  }

  async stop(withinMs?: number): Promise<void> {
    this.#timer?.stop()
    this.#sweeping?.stop()
    this.#sweeping = undefined
    await this.#archiver.stop(withinMs)
    this.#store.close()
  }

  /** What writers who were killed left behind in the store. */
  #sweepAfter(delayMs: number): void {
    this.#sweeping = this.#clock.after(delayMs, () => {
      void this.#store
        .sweep()
        .catch((error: unknown) => this.#log.warn({ why: reasonOf(error) }, 'could not sweep the store'))
        .finally(() => this.#sweeping !== undefined && this.#sweepAfter(SWEEP_EVERY_MS))
    })
  }

  #tick(): void {
    this.#timer = this.#clock.after(OFFSET_EVERY_MS, () => {
      for (const { name } of this.#servers.shards()) void this.#noteOffset(name)
      this.#tick()
    })
  }

  async #noteOffset(shard: string): Promise<void> {
    try {
      const info = await this.#servers.askPrimary(shard, 'INFO', 'replication')
      const [replid, offset] = [info?.get('master_replid'), info && infoNumber(info, 'master_repl_offset')]
      if (replid === undefined || offset === undefined) return void this.#trails.delete(shard)
      const known = this.#trails.get(shard)
      const trail = known?.replid === replid ? known.trail : makeOffsetTrail()
      this.#trails.set(shard, { replid, trail })
      trail.note(this.#clock.monotonic(), offset)
    } catch {
      this.#trails.delete(shard) // how the primary answers is told by the watch; its offset is not known now
    }
  }

  #lagOf({ shard, durable, replid }: ShardStatus): number | undefined {
    const known = this.#trails.get(shard)
    if (known === undefined || durable === undefined || known.replid !== replid) return undefined
    return known.trail.lagSeconds(this.#clock.monotonic(), durable)
  }
}

/** Who we are to other archivers: the same after a restart. */
async function archiverId(dataDir: string): Promise<string> {
  const file = join(dataDir, ARCHIVER_ID)
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch {
    // the first time here
  }
  const id = randomBytes(8).toString('hex')
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await writeFile(file, `${id}\n`, { mode: 0o600, flag: 'wx' })
    return id
  } catch (error) {
    throw cannotWrite(file, error)
  }
}

/** The URL may hold what nobody else should read. */
function markOf(url: string): string {
  return createHash('sha256').update(url).digest('hex')
}

async function hasSeen(file: string, url: string): Promise<boolean> {
  const known = await readFile(file, 'utf8').catch(() => '') // none: the first time here
  return known.trim() === markOf(url)
}

async function keepSeen(file: string, url: string): Promise<void> {
  if (await hasSeen(file, url)) return
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, `${markOf(url)}\n`, { mode: 0o600 })
  } catch (error) {
    throw cannotWrite(file, error)
  }
}

function cannotWrite(file: string, error: unknown): Fault {
  const hint = 'give a folder that can be written to with --data'
  return new Fault({ doing: 'writing', target: file, why: reasonOf(error), hint, cause: error })
}
