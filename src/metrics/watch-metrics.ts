// All samples of the fleet: starts a sampler for each server that the fleet finds, writes everything into the history,
// and answers /metrics from what was last known. Nothing is asked of a server because somebody looks at /metrics.

import type { CouldNotLook, DeploymentView, Fleet, ServerView, WatchedServer } from '../fleet/server.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { reasonOf } from '../lib/fault.ts'
import { addArchive, type ArchivedShard } from './archive-series.ts'
import { startCanary } from './canary.ts'
import type { SampleSettings } from './collector.ts'
import { ExposedLines } from './exposed-lines.ts'
import { PageMemory, type LentPage } from './exposition.ts'
import { makeHistory, type History, type HistorySource } from './history.ts'
import { processSnapshot } from './process-series.ts'
import { Sampler } from './sample-server.ts'
import { answerSnapshot, deploymentSnapshot, type DeclaredDeployment } from './server-series.ts'
import { labelText, type Snapshot } from './series.ts'
import type { SlowCommand } from './slow-log.ts'
import { startCollectors, type StartedCollectors } from './take-sample.ts'

export interface MeasuredDeployment extends DeclaredDeployment {
  readonly name: string
  readonly every: { readonly sampleMs: number }
  readonly canary: boolean
  readonly settings: SampleSettings
}

export interface MetricsOptions {
  readonly fleet: Fleet
  readonly deployments: readonly MeasuredDeployment[]
  readonly historyMs: number
  readonly archived?: (deployment: string) => readonly ArchivedShard[] // what is said of its archive, where it has one
  readonly version: string
  readonly clock: Clock
  readonly log: Log
}

/** A deployment as one source. */
interface Whole {
  readonly source: HistorySource
  readonly lines: ExposedLines
}

interface Measured {
  readonly server: WatchedServer
  readonly sampler: Sampler
  readonly lines: { readonly answer: ExposedLines; readonly sample: ExposedLines }
  readonly started: StartedCollectors
  readonly answers: HistorySource
  answer: Snapshot
  answerKeptAt: number // monotonic
  state: string // what was last written down at once when it changed
  stop(): void
}

const RECONCILE_MS = 250
const ANSWERS_EVERY_MS = 5_000

export class Metrics {
  readonly history: History
  readonly #options: MetricsOptions
  readonly #measured = new Map<string, Measured>()
  readonly #starting = new Set<string>()
  readonly #wholes = new Map<string, Whole>()
  readonly #ownLines = new ExposedLines()
  readonly #pages = new PageMemory()
  #deployments: readonly MeasuredDeployment[]
  #wholesKeptAt = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  #stopped = false

  constructor(options: MetricsOptions) {
    this.#options = options
    this.#deployments = options.deployments
    this.history = makeHistory({ keepMs: options.historyMs, clock: options.clock })
    options.fleet.onAnswer((view) => this.#noteAnswer(view))
    options.fleet.onChange((view) => this.#noteAnswer(view))
    this.#reconcile()
  }

  /** The last full sample of a server. */
  latest(deployment: string, serverId: string): Snapshot | undefined {
    return this.#measured.get(keyOf(deployment, serverId))?.sampler.latest
  }

  /** The slow log as far as it was followed, oldest first, without secrets. */
  slowCommands(deployment: string, serverId: string): readonly SlowCommand[] {
    return this.#measured.get(keyOf(deployment, serverId))?.started.slowLog.entries ?? []
  }

  /** What the last sample of a server could not ask. */
  couldNotLook(deployment: string, serverId: string): readonly CouldNotLook[] {
    return this.#measured.get(keyOf(deployment, serverId))?.sampler.couldNotLook ?? []
  }

  /** Everything that is known now, in Prometheus' text format. */
  page(): LentPage {
    const { fleet, clock, version } = this.#options
    const now = clock.now()
    const shown = [this.#ownLines.show(processSnapshot(this.history.stats(), version, now))]
    for (const view of fleet.deployments())
      shown.push(this.#whole(view.name).lines.show(this.#wholeSnapshot(view, now)))
    for (const { answer, sampler, lines } of this.#measured.values()) {
      shown.push(lines.answer.show(answer))
      if (sampler.latest !== undefined) shown.push(lines.sample.show(sampler.latest))
    }
    return this.#pages.lend(shown)
  }

  reconfigure(deployments: readonly MeasuredDeployment[]): void {
    this.#deployments = deployments
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.stop()
    for (const key of this.#measured.keys()) this.#finish(key)
    for (const { source } of this.#wholes.values()) source.close()
  }

  /** Servers come and go; a sampler follows within a quarter of a second. */
  #reconcile(): void {
    const { fleet, clock } = this.#options
    const present = new Set<string>()
    for (const server of fleet.servers()) {
      const { id, deployment } = server.view
      const key = keyOf(deployment, id)
      present.add(key)
      this.#follow(key, server, deployment)
    }
    for (const key of this.#measured.keys()) if (!present.has(key)) this.#finish(key)
    if (clock.monotonic() - this.#wholesKeptAt >= ANSWERS_EVERY_MS) this.#keepWholes()
    this.#timer = clock.after(RECONCILE_MS, () => this.#reconcile())
  }

  #follow(key: string, server: WatchedServer, deployment: string): void {
    const settings = this.#deployments.find((one) => one.name === deployment)
    if (settings === undefined || this.#starting.has(key)) return
    const known = this.#measured.get(key)
    if (known?.server === server) return
    if (known !== undefined) this.#finish(key)
    this.#starting.add(key)
    this.#start(key, server, settings)
      .catch((error: unknown) =>
        this.#options.log.error({ server: key, why: reasonOf(error) }, 'cannot start sampling'),
      )
      .finally(() => this.#starting.delete(key))
  }

  async #start(key: string, server: WatchedServer, { settings, every, canary }: MeasuredDeployment): Promise<void> {
    const started = await startCollectors()
    if (this.#stopped) return
    const { clock } = this.#options
    const { id, deployment } = server.view
    const labels = { deployment, instance: id }
    const samples = this.history.open(`${key} samples`, labels)
    const answers = this.history.open(`${key} answers`, labels)
    const onSample = (snapshot: Snapshot): void => samples.append(snapshot)
    const sampler = new Sampler({ server, started, settings, everyMs: every.sampleMs, clock, onSample })
    const flying = canary ? startCanary(server, clock) : undefined
    this.#measured.set(key, {
      server,
      lines: { answer: new ExposedLines(labelText(labels)), sample: new ExposedLines(labelText(labels)) },
      started,
      answers,
      sampler,
      answer: answerSnapshot(server.view, clock.now(), this.#declared(deployment)?.team),
      answerKeptAt: Number.NEGATIVE_INFINITY,
      state: '',
      stop() {
        sampler.stop()
        flying?.stop()
        samples.close()
        answers.close()
      },
    })
  }

  #finish(key: string): void {
    this.#measured.get(key)?.stop()
    this.#measured.delete(key)
  }

  #keepWholes(): void {
    const { fleet, clock } = this.#options
    this.#wholesKeptAt = clock.monotonic()
    const views = fleet.deployments()
    for (const [name, { source }] of this.#wholes) {
      if (views.some((view) => view.name === name)) continue
      source.close() // configured no more: its series end here
      this.#wholes.delete(name)
    }
    for (const view of views) this.#whole(view.name).source.append(this.#wholeSnapshot(view, clock.now()))
  }

  #whole(name: string): Whole {
    let whole = this.#wholes.get(name)
    if (whole === undefined) {
      const labels = { deployment: name }
      whole = { source: this.history.open(name, labels), lines: new ExposedLines(labelText(labels)) }
      this.#wholes.set(name, whole)
    }
    return whole
  }

  #wholeSnapshot(view: DeploymentView, nowMs: number): Snapshot {
    const snapshot = deploymentSnapshot(view, nowMs, this.#declared(view.name))
    addArchive(snapshot, this.#options.archived?.(view.name) ?? [])
    return snapshot
  }

  #declared(deployment: string): DeclaredDeployment | undefined {
    return this.#deployments.find(({ name }) => name === deployment)
  }

  #noteAnswer(view: ServerView): void {
    const entry = this.#measured.get(keyOf(view.deployment, view.id))
    if (entry === undefined || this.#stopped) return
    const { clock } = this.#options
    entry.answer = answerSnapshot(view, clock.now(), this.#declared(view.deployment)?.team)
    const state = `${view.answer.id} ${view.reserved} ${view.standing} ${view.role}`
    const changed = state !== entry.state
    entry.state = state
    const due = clock.monotonic() - entry.answerKeptAt >= ANSWERS_EVERY_MS
    if (!changed && !due && view.lagSeconds === undefined) return
    entry.answerKeptAt = clock.monotonic()
    entry.answers.append(entry.answer)
    if (changed) entry.sampler.answerChanged()
  }
}

function keyOf(deployment: string, id: string): string {
  return `${deployment} ${id}`
}
