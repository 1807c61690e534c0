// Keeps the archive of one deployment: takes the lease, follows every shard, takes bases when they are due, lets go of a
// server before it suffers from a slow store, and watches over what is being deleted. Who the servers are comes from the
// caller as plain data, as often as it is asked; nothing here changes a server.

import { join } from 'node:path'
import type { Clock, Timer } from '../lib/clock.ts'
import { reasonOf, type Fault } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import type { Attach } from '../replication/choose-source.ts'
import type { ListenOptions } from '../replication/replica.ts'
import type { BaseScan } from './base-scan.ts'
import { readCatalog, type DeploymentArchive, type Shard } from './catalog.ts'
import {
  writeDocument,
  type ArchiveDocument,
  type BaseManifest,
  type GapDocument,
  type PointDocument,
  type TimelineDocument,
} from './documents.ts'
import type { JoiningLimits } from './joining.ts'
import { keysOf, type DeploymentKeys } from './keys.ts'
import { takeLease, type Lease } from './lease.ts'
import type { ServerContext } from './server-context.ts'
import { ShardArchiver, type ShardServer, type ShardStatus } from './shard-archiver.ts'
import type { Store } from './store/storage.ts'
import type { RemovalCounts, Tripped } from './tripwire.ts'

export interface ShardServers {
  readonly name: string // '0' where there is one dataset
  readonly slots?: string | undefined
  readonly servers: readonly ShardServer[]
}

export interface ArchiverOptions {
  readonly deployment: string
  readonly kind: ArchiveDocument['kind']
  readonly store: Store
  readonly recipients: readonly string[]
  readonly dataDir: string // for the spool
  readonly archiver: string // who we are: the same after a restart
  readonly attach: Attach
  readonly listen?: ListenOptions | undefined
  readonly baseEveryMs: number
  readonly segmentEveryMs: number
  readonly segmentBytes?: number | undefined
  readonly spoolBytes: number
  readonly joining?: JoiningLimits | undefined
  readonly clock: Clock
  readonly log: Log
  /** The shards and their servers as they are known now. Does not throw. */
  shards(): readonly ShardServers[]
  contextOf(server: ShardServer): Promise<ServerContext>
  /** What INFO of the shard's primary counts; undefined when it cannot be asked. */
  removalCounts(shard: string): Promise<RemovalCounts | undefined>
  makeScan(): BaseScan
  onEvent(event: ArchiveEvent): void
}

export type ArchiveEvent =
  | { readonly event: 'base'; readonly shard: string; readonly base: BaseManifest }
  | { readonly event: 'base-failed'; readonly shard: string; readonly why: string; readonly hint: string | undefined }
  | { readonly event: 'gap'; readonly shard: string; readonly gap: GapDocument }
  | { readonly event: 'timeline'; readonly shard: string; readonly timeline: TimelineDocument }
  | {
      readonly event: 'link'
      readonly shard: string
      readonly state: string
      readonly source: string | undefined
      readonly why?: string
      readonly hint?: string | undefined
    }
  | { readonly event: 'point'; readonly point: PointDocument }
  | { readonly event: 'warning'; readonly says: string }
  | { readonly event: 'lost'; readonly why: string }

export interface Archiver {
  status(): readonly ShardStatus[]
  /** Takes a base of every shard now, also when none is due. */
  takeBases(why: string): void
  /** Tells the links that the deployment has changed. */
  changed(): void
  /** Writes out what there is, waits for the store for at most that long, and gives the lease back. */
  stop(withinMs?: number): Promise<void>
}

const TICK_MS = 1_000
const STOP_WITHIN_MS = 10_000

/** Starts archiving. Throws a Fault when the store cannot be used, or another archiver writes to it. */
export async function startArchiver(options: ArchiverOptions, signal: AbortSignal): Promise<Archiver> {
  const keys = keysOf(options.deployment)
  const running = new RunningArchiver(options, keys)
  const lease = await takeLease({ ...options, keys, signal, onLost: (why) => void running.lose(why) })
  if (lease === undefined)
    options.onEvent({
      event: 'warning',
      says: `${options.store.shown} cannot create an object only where there is none: nothing keeps a second archiver away`,
    })
  try {
    await running.begin(lease)
  } catch (error) {
    await running.stop(0)
    throw error
  }
  return running
}

class RunningArchiver implements Archiver {
  readonly #options: ArchiverOptions
  readonly #keys: DeploymentKeys
  readonly #shards = new Map<string, ShardArchiver>()
  #lease: Lease | undefined
  #timer: Timer | undefined
  #stopped = false

  constructor(options: ArchiverOptions, keys: DeploymentKeys) {
    this.#options = options
    this.#keys = keys
  }

  async begin(lease: Lease | undefined): Promise<void> {
    this.#lease = lease
    await this.#addShards()
    this.#tick()
  }

  status(): readonly ShardStatus[] {
    return [...this.#shards.values()].map((shard) => shard.status())
  }

  takeBases(why: string): void {
    for (const shard of this.#shards.values()) shard.takeBase(why)
  }

  changed(): void {
    for (const shard of this.#shards.values()) shard.changed()
  }

  /** Somebody else writes here now. */
  async lose(why: Fault): Promise<void> {
    this.#options.onEvent({ event: 'lost', why: why.message })
    this.#lease = undefined
    await this.stop(0)
  }

  async stop(withinMs = STOP_WITHIN_MS): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#timer?.stop()
    await Promise.all([...this.#shards.values()].map((shard) => shard.stop(withinMs)))
    await this.#lease?.release()
  }

  #tick(): void {
    if (this.#stopped) return
    this.#timer = this.#options.clock.after(TICK_MS, () => {
      void this.#addShards()
        .catch((error: unknown) =>
          this.#options.log.warn({ why: reasonOf(error) }, 'could not begin to archive a new shard'),
        )
        .finally(() => this.#tick())
    })
    for (const shard of this.#shards.values()) shard.tick()
  }

  /** Of a Cluster that grows, new ones too. */
  async #addShards(): Promise<void> {
    const { shards, deployment, store, dataDir } = this.#options
    const fresh = shards().filter(({ name }) => !this.#shards.has(name))
    if (fresh.length === 0) return
    const read = async (): Promise<DeploymentArchive | undefined> => (await readCatalog(store, deployment))[0]
    const catalog = await read()
    for (const { name } of fresh) {
      if (this.#stopped) return
      const of = (known: DeploymentArchive | undefined): Shard | undefined =>
        known?.shards.find((each) => each.name === name)
      const shard = new ShardArchiver({
        ...this.#options,
        keys: this.#keys,
        shard: name,
        dir: join(dataDir, 'archives', this.#keys.root, name),
        servers: () => shards().find((each) => each.name === name),
        onTripped: (tripped, timeline) => void this.#notePoint(name, tripped, timeline),
      })
      await shard.begin(of(catalog), async () => of(await read()))
      if (this.#stopped) return shard.stop(0)
      this.#shards.set(name, shard)
    }
  }

  /** A restore point one command earlier; of the other shards where they are now. */
  async #notePoint(shard: string, { command, offset, keysLost }: Tripped, timeline: string): Promise<void> {
    const { clock, store, log, onEvent } = this.#options
    const at = clock.now()
    const others = this.status().filter((each) => each.shard !== shard && each.timeline !== undefined)
    const places = others.map((each) => ({
      shard: each.shard,
      timeline: each.timeline ?? '',
      offset: each.durable ?? 0,
    }))
    const name = `before-${command.split(',', 1)[0]?.toLowerCase()}-${new Date(at).toISOString().slice(0, 19).replaceAll(':', '')}`
    const shards = [{ shard, timeline, offset }, ...places]
    const point: PointDocument = { name, at: new Date(at).toISOString(), shards, command, keysLost, why: 'tripwire' }
    onEvent({ event: 'point', point })
    await writeDocument(store, this.#keys.point(at, name), point).catch((error: unknown) => {
      log.error(
        { point: name, offset, why: reasonOf(error) },
        'the restore point could not be stored; its offset is in this line',
      )
    })
  }
}
