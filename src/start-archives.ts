// The archives of the daemon: one for each deployment whose configuration has `backup:`. One that cannot begin (a store
// that is away, servers that are down, another archiver) is tried again, and is seen as not streaming meanwhile.

import { isDeepStrictEqual } from 'node:util'
import { archiveFleet, type BackupSettings, type FleetArchive, type ShardReport } from './archive-fleet.ts'
import type { ArchiveEvent } from './archive/archiver.ts'
import { DailyPrune } from './prune-daily.ts'
import { verifyNewest } from './verify-newest.ts'
import type { ConfiguredDeployment } from './config.ts'
import type { Fleet } from './fleet/server.ts'
import { withJitter } from './lib/backoff.ts'
import type { Clock, Timer } from './lib/clock.ts'
import { Fault, reasonOf } from './lib/fault.ts'
import type { Log } from './lib/log.ts'
import type { Notices } from './lib/notices.ts'
import { formatBytes, formatCount } from './lib/units.ts'
import type { ArchivedShard } from './metrics/archive-series.ts'

export interface ArchivesOptions {
  readonly fleet: Fleet
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Log
  readonly notices: Notices
  readonly verifyEveryMs?: number | undefined // how often the newest base is read back; a day when absent
  readonly pruneEveryMs?: number | undefined // how often retention is carried out; a day when absent
}

export interface Archives {
  /** For the series of a deployment; empty where nothing is backed up. */
  shards(deployment: string): readonly ArchivedShard[]
  reconfigure(deployments: readonly Backed[]): void
  /** Waits for the store for at most that long. */
  stop(withinMs?: number): Promise<void>
}

type Backed = Pick<ConfiguredDeployment, 'name' | 'backup'>

const AGAIN_MS = 15_000
const VERIFY_EVERY_MS = 24 * 3_600_000
const AFTER_BASE_MS = 1_000
const SPOOL_LIMIT_BYTES = 1024 * 1024 * 1024

export function startArchives(deployments: readonly Backed[], options: ArchivesOptions): Archives {
  const running = new Map<string, KeptArchive>()
  const reconfigure = (next: readonly Backed[]): void => {
    for (const [name, kept] of running) {
      const wanted = next.find((one) => one.name === name)?.backup
      if (isDeepStrictEqual(wanted, kept.backup)) continue
      running.delete(name)
      void kept.stop()
    }
    for (const { name, backup } of next)
      if (backup !== undefined && !running.has(name)) running.set(name, new KeptArchive(name, backup, options))
  }
  reconfigure(deployments)
  return {
    shards: (deployment) => running.get(deployment)?.shards() ?? [],
    reconfigure,
    stop: async (withinMs) => void (await Promise.all([...running.values()].map((kept) => kept.stop(withinMs)))),
  }
}

/** The archive of one deployment, begun again until it runs. */
class KeptArchive {
  readonly backup: BackupSettings
  readonly #deployment: string
  readonly #options: ArchivesOptions
  readonly #ending = new AbortController()
  readonly #tripped = new Map<string, number>()
  readonly #verified = new Map<string, number>() // Unix time, by shard
  readonly #damaged = new Set<string>() // shards whose newest base did not read back
  #verifying: Promise<void> | undefined
  #bases = 0 // that were taken since the start
  #verifyTimer: Timer | undefined
  #archive: FleetArchive | undefined
  #beginning: Promise<void>
  #timer: Timer | undefined
  readonly #pruning: DailyPrune | undefined
  #told: string | undefined // why it could not begin, as it was said last

  constructor(deployment: string, backup: BackupSettings, options: ArchivesOptions) {
    this.#deployment = deployment
    this.backup = backup
    this.#options = options
    this.#pruning = this.#startPruning()
    this.#beginning = this.#begin()
  }

  shards(): ArchivedShard[] {
    // Not even begun: there is one shard at least, and it is neither followed nor stored.
    const common = { baseEverySeconds: this.backup.everyMs / 1_000, pruning: this.#pruning?.state }
    if (this.#archive === undefined)
      return [{ ...NOTHING, ...common, trouble: this.#told?.split('\n').slice(0, 1) ?? [] }]
    return this.#archive.status().map((report) => {
      const isDamaged = this.#damaged.has(report.shard)
      const known = shardOf(report)
      return {
        ...known,
        ...common,
        tripped: this.#tripped.get(report.shard) ?? 0,
        verificationFailed: isDamaged,
        verifiedSeconds: this.#verified.get(report.shard) ?? known.verifiedSeconds,
        trouble: [...troubleOf(report), ...(isDamaged ? ['its newest base did not read back as it was written'] : [])],
      }
    })
  }

  async stop(withinMs?: number): Promise<void> {
    this.#ending.abort()
    this.#timer?.stop()
    this.#verifyTimer?.stop()
    await this.#beginning
    await this.#verifying
    await this.#pruning?.stop()
    await this.#archive?.stop(withinMs)
    this.#archive = undefined
  }

  async #begin(): Promise<void> {
    const { fleet, dataDir, clock, log, notices } = this.#options
    try {
      this.#archive = await archiveFleet({
        fleet,
        deployment: this.#deployment,
        backup: this.backup,
        dataDir,
        clock,
        log,
        signal: this.#ending.signal,
        onEvent: (event) => this.#note(event),
      })
      this.#told = undefined
      this.#verifySoon()
      notices.tell('info', `archives ${this.#deployment} to ${this.#archive.store}`)
    } catch (error) {
      if (this.#ending.signal.aborted) return
      const why = error instanceof Fault ? error.toText() : reasonOf(error)
      if (why !== this.#told) notices.tell('error', `${this.#deployment} is not archived: ${why}`)
      this.#told = why
      this.#again()
    }
  }

  /** A day after the last time, and after each base: the newest base of every shard is read back. */
  #verifySoon(delayMs = this.#options.verifyEveryMs ?? VERIFY_EVERY_MS): void {
    this.#verifyTimer?.stop()
    if (this.#ending.signal.aborted) return
    this.#verifyTimer = this.#options.clock.after(delayMs, () => {
      const base = this.#bases
      this.#verifying = this.#verify().finally(() => {
        this.#verifying = undefined
        // A base that came meanwhile was not the one that was read.
        this.#verifySoon(base === this.#bases ? undefined : AFTER_BASE_MS)
      })
    })
  }

  /** Only for whoever writes the archive: another one may be at it, while this one has not begun. */
  #startPruning(): DailyPrune | undefined {
    const { clock, notices, pruneEveryMs } = this.#options
    const { keep } = this.backup
    if (keep === undefined) return undefined
    const doubt = (): string | undefined => {
      if (this.#archive === undefined) return 'it is not being written to'
      const [damaged] = this.#damaged
      return damaged === undefined ? undefined : 'its newest base did not read back as it was written'
    }
    const given = { deployment: this.#deployment, backup: this.backup, clock, notices, everyMs: pruneEveryMs }
    return new DailyPrune({ ...given, keep, doubt })
  }

  #noteBase(): void {
    this.#bases += 1
    if (this.#verifying === undefined) this.#verifySoon(AFTER_BASE_MS)
  }

  async #verify(): Promise<void> {
    const { clock, notices } = this.#options
    try {
      for (const { shard, bad } of await verifyNewest({ backup: this.backup, deployment: this.#deployment, clock })) {
        if (bad === undefined) {
          this.#damaged.delete(shard)
          this.#verified.set(shard, clock.now() / 1_000)
        } else if (!this.#damaged.has(shard)) {
          this.#damaged.add(shard)
          notices.tell('error', `${this.#deployment}: a base does not read back as it was written: ${bad}`)
        }
      }
    } catch (error) {
      notices.tell('warn', `${this.#deployment}: could not read back its newest base: ${reasonOf(error)}`)
    }
  }

  #again(): void {
    if (this.#ending.signal.aborted) return
    this.#timer = this.#options.clock.after(withJitter(AGAIN_MS), () => {
      this.#beginning = this.#begin()
    })
  }

  #note(event: ArchiveEvent): void {
    const { notices } = this.#options
    const of = this.#deployment
    if (event.event === 'gap')
      notices.tell(
        'error',
        `${of}: writes between offsets ${event.gap.from} and ${event.gap.to} are lost to the archive: ${event.gap.why}`,
      )
    if (event.event === 'timeline')
      notices.tell('warn', `${of}: timeline ${event.timeline.timeline} begins: ${event.timeline.why}`)
    if (event.event === 'base') this.#noteBase()
    if (event.event === 'base')
      notices.tell(
        'info',
        `${of}: base ${event.base.id}, ${formatCount(event.base.keys)} keys, ${formatBytes(event.base.rdb.storedBytes)} in the store`,
      )
    if (event.event === 'base-failed') notices.tell('error', `${of}: a base failed: ${event.why}`)
    if (event.event === 'warning') notices.tell('warn', `${of}: ${event.says}`)
    if (event.event === 'point') {
      const { name, command, shards } = event.point
      const shard = shards[0]?.shard ?? '0'
      this.#tripped.set(shard, (this.#tripped.get(shard) ?? 0) + 1)
      notices.tell('error', `${of}: ${command} took data away; restore point ${name} is one command earlier`)
    }
    if (event.event === 'lost') {
      notices.tell('error', `${of}: ${event.why}`)
      this.#archive = undefined
      this.#again() // the other one may go; until then the lease says no
    }
  }
}

const NOTHING: ArchivedShard = {
  shard: '0',
  streaming: false,
  storeReachable: false,
  lagSeconds: undefined,
  lastBaseSeconds: undefined,
  verifiedSeconds: undefined,
  verificationFailed: false,
  baseEverySeconds: 0,
  baseBytes: undefined,
  baseStoredBytes: undefined,
  baseSeconds: undefined,
  baseKeys: undefined,
  waitingBytes: 0,
  spoolBytes: 0,
  spoolLimitBytes: SPOOL_LIMIT_BYTES,
  gaps: 0,
  tripped: 0,
  trouble: [],
  notFollowed: undefined,
  pruning: undefined,
}

function troubleOf({ outbox, baseTrouble }: ShardReport): string[] {
  const waiting = outbox.spoolBytes + outbox.memoryBytes
  return [
    outbox.trouble === undefined ? '' : `the store takes nothing: ${outbox.trouble}; ${formatBytes(waiting)} wait here`,
    baseTrouble === undefined ? '' : `the last base failed: ${baseTrouble}`,
  ].filter((says) => says !== '')
}

const LAGS_SECONDS = 30 // a link that is lost comes back in a moment, mostly

function shardOf({ shard, link, why, outbox, lagSeconds, lastBase, verifiedAt, gaps }: ShardReport): ArchivedShard {
  const isLost = link !== 'streaming' && (lagSeconds ?? Infinity) >= LAGS_SECONDS
  return {
    ...NOTHING,
    shard,
    streaming: link === 'streaming',
    storeReachable: outbox.trouble === undefined,
    lagSeconds,
    lastBaseSeconds: lastBase && Date.parse(lastBase.at) / 1_000,
    verifiedSeconds: verifiedAt === undefined ? undefined : Date.parse(verifiedAt) / 1_000,
    baseBytes: lastBase?.rdb.bytes,
    baseStoredBytes: lastBase?.rdb.storedBytes,
    baseSeconds: lastBase && lastBase.tookMs / 1_000,
    baseKeys: lastBase?.keys,
    waitingBytes: outbox.memoryBytes,
    spoolBytes: outbox.spoolBytes,
    gaps,
    notFollowed: isLost ? why : undefined,
  }
}
