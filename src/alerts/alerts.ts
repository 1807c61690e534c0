// From alerts to people: whatever rules or Prometheus hand in is grouped, muted, told, repeated, escalated and resolved,
// and for everything that is not told there is a reason. Each look at all alerts asks due.ts one question for each
// alert and notifier; nothing is queued but what is under way, so what is told is always how things are now.

import type { Clock, Timer } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import type { Notices } from '../lib/notices.ts'
import type { Acknowledgement } from '../state/acknowledgements.ts'
import type { Delivery } from '../state/deliveries.ts'
import type { State } from '../state/open-state.ts'
import { AlertBook, type Group } from './alert-book.ts'
import { fingerprintOf, type RuleAlert } from '../rules/rule-alert.ts'
import type { Alert, Labels } from './alert.ts'
import { NO_CAUSES, type Cause, type Causes } from './cause.ts'
import { Courier } from './courier.ts'
import type { Topology } from './inhibition.ts'
import { keeperOf, type Keeper } from './keep-safe.ts'
import { mutingBy, nextWindowChange, type Muted } from './muting.ts'
import type { Subject } from './notice.ts'
import type { Outcome, Sender } from './notifier.ts'
import { stepsFor } from './routes.ts'
import type { AlertSettings } from './settings.ts'
import { Silencing } from './silencing.ts'
import { steadyTime } from './steady-time.ts'
import { Telling, type Candidate, type Explained } from './telling.ts'

export interface AlertsOptions {
  readonly settings: AlertSettings
  readonly senders: ReadonlyMap<string, Sender>
  readonly state: Pick<State, 'alertRecords' | 'silences' | 'acknowledgements' | 'deliveries'>
  readonly topology: Topology
  /** The server that labels speak of, in the words of the screen. */
  readonly subjectOf: (labels: Labels) => Subject | undefined
  readonly causes?: Causes | undefined // why they fire; nobody knows when absent
  readonly externalUrl: () => string
  readonly clock: Clock
  readonly notices: Notices
}

/** An alert with everything that is to say of it. */
export interface AlertView {
  readonly alert: Alert
  readonly muted: Muted
  readonly notifiers: readonly Explained[]
  readonly ack: Acknowledgement | undefined
  readonly subject: Subject | undefined
  readonly cause: Cause | undefined
  readonly receivers: readonly string[]
}

/** An alert that somebody posts, as Alertmanager's API has it. */
export interface PostedAlert {
  readonly labels: Labels
  readonly annotations: Labels
  readonly startsAt?: number | undefined
  readonly endsAt?: number | undefined
  readonly generatorUrl: string
}

const GATHER_MS = 20 // what one evaluation hands in is told together
const LOOK_AT_LEAST_EVERY_MS = 15_000 // somebody may set the clock on the wall
const POSTED_OVER_AFTER_MS = 5 * 60_000 // Alertmanager's resolve_timeout
const GRACE_MS = 2_000
const ACK_MS = 8 * 3_600_000
const SETTLED_AFTER_MS = 15_000 // a server that may not be asked keeps nobody waiting for longer
const SETTLING_LOOK_MS = 1_000

export class Alerts {
  readonly #options: AlertsOptions
  readonly #steady: () => number
  readonly #keeper: Keeper
  readonly #book: AlertBook
  readonly #courier: Courier
  readonly #telling: Telling
  readonly silencing: Silencing
  #settings: AlertSettings
  #senders: ReadonlyMap<string, Sender>
  #timer: Timer | undefined
  #timerAt = Infinity // monotonic
  readonly #heldBefore: ReadonlySet<string> // by fingerprint: what fired when the last process ended, and was held back
  readonly #settledAt: number // steady
  #stopped = false

  constructor(options: AlertsOptions) {
    const { settings, senders, state, clock, notices } = options
    this.#options = options
    this.#settings = settings
    this.#senders = senders
    this.#steady = steadyTime(clock)
    this.#keeper = keeperOf(notices, clock)
    this.#book = new AlertBook(state.alertRecords, this.#keeper, this.#steady())
    this.#book.forgetNotifiersBut(senders)
    const held = [...this.#book.all()].filter(({ life, dueSince }) => life.state === 'firing' && dueSince === undefined)
    this.#heldBefore = new Set(held.map(({ fingerprint }) => fingerprint))
    this.#settledAt = this.#steady() + SETTLED_AFTER_MS
    this.silencing = new Silencing(state, this.#keeper, clock)
    this.#courier = new Courier(clock)
    this.#telling = new Telling({
      ...options,
      book: this.#book,
      courier: this.#courier,
      keeper: this.#keeper,
      silencing: this.silencing,
      steady: this.#steady,
      causes: options.causes ?? NO_CAUSES,
      ownerOf: (labels) => this.#settings.owners.get(labels['deployment'] ?? ''),
      wake: () => this.#lookWithin(0),
    })
    this.#lookWithin(GATHER_MS)
  }

  /** What a rule says of an alert now; saying the same again changes nothing. */
  take(alert: RuleAlert): void {
    const { name, labels, annotations, value, fingerprint, state, activeAt, firedAt, resolvedAt } = alert
    const seen = { name, labels, annotations, value, fingerprint, state, activeAt, firedAt, resolvedAt }
    this.#saw(this.#book.take({ ...seen, source: 'rules', generatorUrl: '' }, this.#steady()), fingerprint)
  }

  /** What Prometheus or somebody else posts. */
  post({ labels, annotations, startsAt, endsAt, generatorUrl }: PostedAlert): void {
    const now = this.#options.clock.now()
    const fingerprint = fingerprintOf(labels)
    const over = endsAt !== undefined && endsAt <= now
    const activeAt = startsAt ?? this.#book.get(fingerprint)?.life.activeAt ?? now
    const said = {
      name: labels['alertname'] ?? '',
      labels,
      annotations,
      value: NaN,
      fingerprint,
      generatorUrl,
      activeAt,
    }
    const seen = over
      ? ({ ...said, state: 'resolved', resolvedAt: endsAt } as const)
      : ({ ...said, state: 'firing', firedAt: activeAt, endsAt: endsAt ?? now + POSTED_OVER_AFTER_MS } as const)
    this.#saw(this.#book.take({ ...seen, source: 'api' }, this.#steady()), fingerprint)
  }

  /** Every alert that is not forgotten: those that ended are among them for a while. */
  list(): AlertView[] {
    const muting = this.#muting()
    const now = this.#steady()
    return [...this.#book.groups()].flatMap((group) => {
      const candidates = [...group.alerts.values()].map((alert) => this.#candidate(alert, muting(alert)))
      const explained = this.#telling.explain(group, candidates, this.#senders, now)
      return candidates.map(({ alert, muting: muted, steps }, at) => ({
        alert,
        muted,
        notifiers: explained[at] ?? [],
        ack: this.silencing.ackOf(alert.fingerprint),
        subject: this.#options.subjectOf(alert.labels),
        cause: this.#options.causes?.causeOf(alert),
        receivers: steps?.map(({ notifier }) => notifier) ?? [],
      }))
    })
  }

  /** `id`: a fingerprint or the beginning of one. The alert that was meant. Throws a Fault. */
  acknowledge(
    id: string,
    { by, comment, forMs = ACK_MS }: { by: string; comment: string; forMs?: number | undefined },
  ): Acknowledgement {
    const meant = [...this.#book.all()].filter(
      ({ fingerprint, life }) => fingerprint.startsWith(id) && life.state !== 'resolved',
    )
    const [alert] = meant
    if (alert === undefined || id === '') throw notOne(id, 'no alert of this id fires')
    if (meant.length > 1) throw notOne(id, `${meant.length} alerts begin like this`)
    const atMs = this.#options.clock.now()
    const ack = { fingerprint: alert.fingerprint, by, comment, atMs, untilMs: atMs + forMs }
    this.silencing.acknowledge(ack)
    this.#lookWithin(0)
    return ack
  }

  /** Newest first. */
  deliveries(most: number): readonly Delivery[] {
    return this.#telling.deliveries(most)
  }

  /** One attempt at each notifier, or at these. */
  async test(ids: readonly string[] = [...this.#senders.keys()]): Promise<{ notifier: string; outcome: Outcome }[]> {
    const unknown = ids.find((id) => !this.#senders.has(id))
    if (unknown !== undefined) throw notConfigured(unknown)
    const chosen = [...this.#senders].filter(([id]) => ids.includes(id))
    return Promise.all(
      chosen.map(async ([notifier, sender]) => ({ notifier, outcome: await this.#telling.test(notifier, sender) })),
    )
  }

  /** Why nothing can be kept on disk, while that is so. */
  get unkept(): string | undefined {
    return this.#keeper.failing
  }

  get settings(): AlertSettings {
    return this.#settings
  }

  /** More is known of why something fires: look at once. */
  causesChanged(): void {
    this.#lookWithin(0)
  }

  /** Silences were changed: look at once. */
  silencesChanged(): void {
    this.#lookWithin(0)
  }

  /** Goes on with another configuration; what was refused is tried again with it. */
  reconfigure(settings: AlertSettings, senders: ReadonlyMap<string, Sender>): void {
    this.#settings = settings
    this.#senders = senders
    this.#telling.forgetRefusals()
    this.#book.forgetNotifiersBut(senders)
    this.#lookWithin(0)
  }

  /** What is under way may end; what does not within two seconds is cut and told again by the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.stop()
    this.#courier.close()
    const cut = this.#options.clock.after(GRACE_MS, () => this.#courier.cut())
    await new Promise<void>((resolve) => this.#courier.onIdle(resolve))
    cut.stop()
    this.#book.flush(this.#steady())
    this.#telling.flush()
  }

  #saw(moved: boolean, fingerprint: string): void {
    if (!moved) return
    if ((this.#book.get(fingerprint)?.life.state ?? 'resolved') === 'resolved') this.silencing.forgetAck(fingerprint)
    this.#lookWithin(GATHER_MS)
  }

  #muting(): (alert: Alert) => Muted {
    const alerts = [...this.#book.all()]
    const { topology, clock } = this.#options
    const silencing = this.silencing.silencing()
    const { maintenance } = this.#settings
    const settling = (alert: Alert): boolean => this.#isSettling(alert)
    return mutingBy({ alerts, topology, silencing, maintenance, settling, wallMs: clock.now() })
  }

  /** After a restart, what a deeper cause held back is not told because that cause is not recognised again yet. */
  #isSettling({ fingerprint, labels }: Alert): boolean {
    if (!this.#heldBefore.has(fingerprint) || this.#steady() >= this.#settledAt) return false
    return !this.#options.topology.isKnown(labels['deployment'] ?? '')
  }

  #look(): void {
    const [now, wall] = [this.#steady(), this.#options.clock.now()]
    for (const fingerprint of this.#book.passTime(now, wall)) this.silencing.forgetAck(fingerprint)
    const muting = this.#muting()
    let again = Infinity
    for (const group of this.#book.groups()) again = Math.min(again, this.#lookAt(group, muting, now))
    this.silencing.tidy()
    this.#book.flush(now) // before anything is sent: an attempt that we do not survive is known to have been begun
    this.#telling.flush()
    this.#telling.forgetLinesBut(new Set([...this.#book.groups()].map(({ key }) => key)))
    const inWall = Math.min(this.silencing.nextChange(), nextWindowChange(this.#settings.maintenance, wall)) - wall
    this.#lookWithin(Math.min(again - now, inWall, this.#book.nextChange(now, wall), LOOK_AT_LEAST_EVERY_MS))
  }

  /** When to look again, if nothing happens before. */
  #lookAt(group: Group, muting: (alert: Alert) => Muted, nowMs: number): number {
    const alerts = [...group.alerts.values()].map((alert) => {
      const muted = muting(alert)
      if (muted.why === 'settling' || muted.why === 'recovering') this.#lookWithin(SETTLING_LOOK_MS)
      const due = muted.why === undefined && (alert.life.state === 'firing' || alert.life.state === 'calming')
      if (due && alert.dueSince === undefined) this.#book.change(alert, { dueSince: nowMs })
      if (!due && alert.dueSince !== undefined) this.#book.change(alert, { dueSince: undefined })
      return this.#candidate(this.#book.get(alert.fingerprint) ?? alert, muted)
    })
    return this.#telling.tell(group, alerts, this.#senders, nowMs)
  }

  #candidate(alert: Alert, muting: Muted): Candidate & { muting: Muted } {
    const steps = stepsFor(alert.labels, this.#settings.routes, this.#senders.keys())
    return { alert, steps, muting, muted: muting.why }
  }

  #lookWithin(delayMs: number): void {
    const at = this.#options.clock.monotonic() + Math.max(0, delayMs)
    if (this.#stopped || at >= this.#timerAt) return
    this.#timer?.stop()
    this.#timerAt = at
    this.#timer = this.#options.clock.after(Math.max(0, delayMs), () => {
      this.#timerAt = Infinity
      this.#look()
    })
  }
}

function notOne(id: string, why: string): Fault {
  return new Fault({
    doing: 'acknowledging',
    target: id,
    why,
    hint: 'respite alerts lists them with their ids.',
    exit: 1,
  })
}

function notConfigured(id: string): Fault {
  const hint = 'Add it under notify: in the configuration.'
  return new Fault({ doing: 'testing the notifier', target: id, why: 'it is not configured', hint, exit: 1 })
}
