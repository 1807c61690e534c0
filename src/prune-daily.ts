// Carries out `backup.keep` of one deployment once a day, as long as its archive runs. Doubt stops it and nothing else: a
// clock that was set, a newest backup that did not read back, a store that says another time. Then it looks again every
// hour, and says why once.

import type { BackupSettings } from './archive-fleet.ts'
import type { Keep } from './archive/retention.ts'
import { wallMinusMonotonic, type Clock, type Timer } from './lib/clock.ts'
import { reasonOf } from './lib/fault.ts'
import type { Notices } from './lib/notices.ts'
import { formatBytes, formatCount, formatDuration } from './lib/units.ts'
import type { Pruning } from './metrics/archive-series.ts'
import { pruneArchive, type Pruned } from './prune-archive.ts'

export interface DailyPruneOptions {
  readonly deployment: string
  readonly backup: BackupSettings
  readonly keep: Keep
  readonly clock: Clock
  readonly notices: Notices
  readonly everyMs?: number | undefined // a day when absent
  doubt(): string | undefined // of whoever keeps the archive: why nothing may be removed now
}

const DAY_MS = 86_400_000
const AGAIN_MS = 3_600_000 // also before the first time: whoever starts with a mistake in `keep` has an hour to see it
const SET_MS = 60_000 // a clock that is moved by less is kept in time

export class DailyPrune {
  readonly #options: DailyPruneOptions
  readonly #everyMs: number
  readonly #ending = new AbortController()
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #wallMinusMonotonic: number
  #steadyFrom = 0 // monotonic: until then a clock that was set is in doubt
  #setByMs = 0
  #prunedSeconds: number | undefined
  #held: string | undefined
  #failed: string | undefined

  constructor(options: DailyPruneOptions) {
    this.#options = options
    this.#everyMs = options.everyMs ?? DAY_MS
    this.#wallMinusMonotonic = wallMinusMonotonic(options.clock)
    this.#runAfter(AGAIN_MS)
  }

  get state(): Pruning {
    return { prunedSeconds: this.#prunedSeconds, held: this.#held !== undefined, failed: this.#failed !== undefined }
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    this.#timer?.stop()
    await this.#running
  }

  #runAfter(delayMs: number): void {
    if (this.#ending.signal.aborted) return
    this.#timer = this.#options.clock.after(Math.min(delayMs, this.#everyMs), () => {
      this.#running = this.#run().then((isDone) => this.#runAfter(isDone ? this.#everyMs : AGAIN_MS))
    })
  }

  /** Whether retention is carried out. */
  async #run(): Promise<boolean> {
    const { backup, keep, deployment, clock, doubt } = this.#options
    try {
      const held = this.#clockDoubt() ?? doubt()
      const given = { backup, keep, deployment, clock, signal: this.#ending.signal }
      const pruned = held === undefined ? await pruneArchive(given) : undefined
      this.#hold(held ?? pruned?.held)
      if (pruned === undefined || pruned.held !== undefined) return false
      this.#note(pruned)
    } catch (error) {
      if (this.#ending.signal.aborted) return false
      this.#fail(`could not remove what is not kept: ${reasonOf(error)}`)
      return false
    }
    return this.#failed === undefined
  }

  /** A sentence while the clock was set less than a day ago. */
  #clockDoubt(): string | undefined {
    const { clock } = this.#options
    const now = wallMinusMonotonic(clock)
    const byMs = Math.round((now - this.#wallMinusMonotonic) / 1_000) * 1_000
    if (Math.abs(byMs) > SET_MS) {
      this.#wallMinusMonotonic = now
      this.#setByMs = byMs
      this.#steadyFrom = clock.monotonic() + DAY_MS
    }
    if (clock.monotonic() >= this.#steadyFrom) return undefined
    const way = this.#setByMs > 0 ? 'forward' : 'back'
    return `the clock of this machine was set ${way} by ${formatDuration(Math.abs(this.#setByMs))} within the last day`
  }

  #hold(why: string | undefined): void {
    if (why !== undefined && why !== this.#held) this.#tell('warn', `nothing is removed from the archive: ${why}`)
    this.#held = why
  }

  #note({ bases, segments, bytes, refused }: Pruned): void {
    if (bytes > 0) {
      const ids = bases.length === 0 ? '' : ` (${bases.join(', ')})`
      const what = `${formatCount(bases.length)} bases${ids} and ${formatCount(segments)} segments`
      this.#tell('info', `removed what is not kept: ${what}, ${formatBytes(bytes)}`)
    }
    const [first] = refused
    if (first === undefined) {
      this.#failed = undefined
      this.#prunedSeconds = this.#options.clock.now() / 1_000
    } else this.#fail(`the store did not give up ${formatCount(refused.length)} objects; ${first.key}: ${first.why}`)
  }

  #fail(why: string): void {
    if (why !== this.#failed) this.#tell('error', why)
    this.#failed = why
  }

  #tell(level: 'info' | 'warn' | 'error', says: string): void {
    const { notices, deployment } = this.#options
    notices.tell(level, `${deployment}: ${says}`)
  }
}
