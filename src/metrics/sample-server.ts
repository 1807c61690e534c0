// The samples of one server, one after the other: never two at once, spread over the interval by the server's name, and
// less often while the server suffers. When no sample can be had, that is written down as redis_up 0.

import type { CouldNotLook, WatchedServer } from '../fleet/server.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { reasonOf } from '../lib/fault.ts'
import { phaseOf } from '../lib/phase.ts'
import type { AnswerId } from '../redis/answers.ts'
import type { SampleSettings } from './collector.ts'
import { gauge, labelText, seriesOf, Snapshot } from './series.ts'
import { takeSample, type StartedCollectors } from './take-sample.ts'

export interface SamplerOptions {
  readonly server: WatchedServer
  readonly started: StartedCollectors
  readonly settings: SampleSettings
  readonly everyMs: number
  readonly clock: Clock
  readonly onSample: (snapshot: Snapshot) => void
}

const up = seriesOf(gauge('redis_up', '1 when the server could be sampled.'))
const lastError = gauge('redis_exporter_last_scrape_error', '1 when the sample failed.')
const lateness = seriesOf(
  gauge('respite_sample_late_seconds', 'How long after its due time the last full sample began.'),
)

// Nothing is asked while these hold: a question would only wait in the server's queue and be answered late.
const DEAF: ReadonlySet<AnswerId> = new Set([
  'stopped',
  'waiting-on-disk',
  'computing',
  'paused',
  'hanging',
  'silent',
  'busy',
])
const SLOWEST = 6 // times the interval, while a server suffers
const FIRST_LOOK_MS = 100

export class Sampler {
  readonly #options: SamplerOptions
  readonly #phaseMs: number
  #latest: Snapshot | undefined
  #couldNotLook: readonly CouldNotLook[] = []
  #lateMs = 0
  #slowness = 1
  #running = false
  #stopped = false
  #timer: Timer | undefined
  #dueAt = 0 // monotonic

  constructor(options: SamplerOptions) {
    this.#options = options
    this.#phaseMs = phaseOf(options.server.view.id, options.everyMs)
    this.#first()
  }

  get latest(): Snapshot | undefined {
    return this.#latest
  }

  /** What the last sample could not ask. */
  get couldNotLook(): readonly CouldNotLook[] {
    return this.#couldNotLook
  }

  /** A death is written down at once, and a recovery is sampled at once. */
  answerChanged(): void {
    if (this.#latest === undefined || this.#stopped || this.#running) return
    const wasUp = this.#latest.value('redis_up') === 1
    if (wasUp && !this.#canAsk()) this.#keep(this.#failed(this.#options.server.view.answer.id))
    if (!wasUp && this.#canAsk()) this.#runNow()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.stop()
  }

  #canAsk(): boolean {
    const { server } = this.#options
    return server.ask !== undefined && !DEAF.has(server.view.answer.id)
  }

  /** The first sample comes as soon as the server can be asked, or has answered otherwise; the others in their slots. */
  #first(): void {
    if (this.#stopped) return
    const { server, clock } = this.#options
    const { id } = server.view.answer
    if (server.ask !== undefined || (id !== 'ok' && id !== 'unasked')) this.#runNow()
    else this.#timer = clock.after(FIRST_LOOK_MS, () => this.#first())
  }

  #runNow(): void {
    this.#dueAt = this.#options.clock.monotonic()
    void this.#run()
  }

  async #run(): Promise<void> {
    if (this.#running || this.#stopped) return
    this.#running = true
    this.#timer?.stop()
    this.#lateMs = Math.max(0, this.#options.clock.monotonic() - this.#dueAt)
    await this.#sample()
    this.#running = false
    if (!this.#stopped) this.#schedule()
  }

  /** The next slot of this server: its phase within the interval, so that two hundred do not come at once. */
  #schedule(): void {
    const { clock, everyMs } = this.#options
    const now = clock.monotonic()
    const slot = Math.floor((now - this.#phaseMs) / everyMs) * everyMs + this.#phaseMs
    this.#dueAt = slot + everyMs * this.#slowness
    this.#timer = clock.after(this.#dueAt - now, () => void this.#run())
  }

  async #sample(): Promise<void> {
    const { server, started, settings, clock, everyMs } = this.#options
    const { ask, view } = server
    if (ask === undefined || !this.#canAsk()) return this.#keep(this.#failed(view.answer.id))
    const began = clock.monotonic()
    try {
      const kind = view.role === 'sentinel' ? 'sentinel' : 'server'
      const taken = await takeSample({ ask, kind, archives: view.archives }, started, settings, clock.now())
      this.#couldNotLook = taken.couldNotLook
      this.#keep(taken.snapshot)
      this.#slowness = clock.monotonic() - began > everyMs / 5 ? Math.min(SLOWEST, this.#slowness * 2) : 1
    } catch (error) {
      this.#slowness = Math.min(SLOWEST, this.#slowness * 2)
      this.#couldNotLook = [{ at: 'INFO', why: reasonOf(error), hint: 'see how the server answers' }]
      const { id } = server.view.answer
      this.#keep(this.#failed(id === 'ok' ? reasonOf(error) : id))
    }
  }

  #failed(why: string): Snapshot {
    const snapshot = new Snapshot(this.#options.clock.now())
    snapshot.add(up, 0)
    snapshot.add(seriesOf(lastError, labelText({ err: why })), 1)
    return snapshot
  }

  #keep(snapshot: Snapshot): void {
    if (this.#stopped) return
    snapshot.add(lateness, this.#lateMs / 1000)
    this.#latest = snapshot
    this.#options.onSample(snapshot)
  }
}
