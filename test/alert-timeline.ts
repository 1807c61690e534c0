// Hours of alerts in milliseconds: rules that see alerts come and go, a clock that the test moves, and notifiers that
// write down what they are told. A restart is a new `Alerts` on the same state, as after kill -9: nothing is stopped.

import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { Alerts } from '../src/alerts/alerts.ts'
import type { Causes } from '../src/alerts/cause.ts'
import type { Topology } from '../src/alerts/inhibition.ts'
import type { Notice } from '../src/alerts/notice.ts'
import type { Outcome, Sender } from '../src/alerts/notifier.ts'
import { NO_ALERT_SETTINGS, type AlertSettings } from '../src/alerts/settings.ts'
import { silentLog } from '../src/lib/log.ts'
import { makeNotices, type Notices } from '../src/lib/notices.ts'
import { fingerprintOf, type RuleAlert } from '../src/rules/rule-alert.ts'
import { stateOf, type State } from '../src/state/open-state.ts'
import { FakeClock } from './fake-clock.ts'

export interface TimelineOptions {
  readonly notifiers?: readonly string[] // slack when absent
  readonly settings?: Partial<AlertSettings>
  readonly topology?: Topology
  readonly causes?: Causes
  readonly senders?: Readonly<Record<string, Partial<Sender>>>
}

export interface Told {
  readonly atMs: number // since the beginning
  readonly notice: Notice
}

type Answer = (notice: Notice, signal: AbortSignal) => Outcome | Promise<Outcome>

const LONELY: Topology = { hostOf: () => undefined, linkedWith: () => [], isKnown: () => true }

export class Timeline {
  readonly clock = new FakeClock()
  readonly db = new DatabaseSync(':memory:')
  readonly state: State = stateOf(this.db, ':memory:')
  readonly notices: Notices = makeNotices(this.clock, silentLog)
  readonly told: Told[] = [] // what reached somebody
  readonly answers = new Map<string, Answer>() // by notifier; delivered when absent
  alerts: Alerts
  settings: AlertSettings
  readonly #options: TimelineOptions
  readonly #seen = new Map<string, RuleAlert>() // what the rules say; they say for a while that an alert is over
  #life = 0 // how many processes there were

  constructor(options: TimelineOptions = {}) {
    this.#options = options
    const notify = new Map((options.notifiers ?? ['slack']).map((id) => [id, {}]))
    this.settings = { ...NO_ALERT_SETTINGS, notify, ...options.settings }
    this.alerts = this.#start()
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return Math.round(this.clock.monotonic() / 1000)
  }

  sees(state: 'pending' | 'firing' | 'resolved', name: string, labels: Record<string, string> = {}): string {
    const all = { alertname: name, deployment: 'orders', severity: 'critical', ...labels }
    const fingerprint = fingerprintOf(all)
    const now = this.clock.now()
    const known = this.#seen.get(fingerprint)
    const before = known?.state === 'resolved' ? undefined : known
    const times = {
      activeAt: before?.activeAt ?? now,
      ...(state === 'firing' && { firedAt: before?.firedAt ?? now }),
      ...(state === 'resolved' && { resolvedAt: now }),
    }
    const alert = { name, labels: all, annotations: { summary: name }, state, value: 1, fingerprint, ...times }
    this.#seen.set(fingerprint, alert)
    this.alerts.take(alert)
    return fingerprint
  }

  /** Time passes; the rules say every five seconds what they see, as they do it in the daemon. */
  async pass(seconds: number): Promise<void> {
    const end = this.clock.monotonic() + seconds * 1000
    while (this.clock.monotonic() < end) {
      await this.clock.advance(Math.min(5_000, end - this.clock.monotonic()))
      for (const alert of this.#seen.values()) this.alerts.take(alert)
    }
  }

  /** Time passes in which no rule says anything. */
  async silentlyPass(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000)
  }

  /** Killed, and started anew after that time; the rules find again what they found before. */
  async restart(downSeconds = 1): Promise<void> {
    this.clock.forgetTimers()
    this.#life += 1
    await this.clock.advance(downSeconds * 1000)
    this.alerts = this.#start()
    for (const alert of this.#seen.values()) this.alerts.take(alert)
  }

  /** "0s slack firing RedisDown", a line for each notice: what it is news of. */
  lines(): string[] {
    return this.told.map(({ atMs, notice }) => {
      const names = [...notice.firing, ...notice.resolved].filter(({ news }) => news).map(({ name }) => name)
      return `${Math.round(atMs / 1000)}s ${notice.notifier} ${notice.kind} ${names.join(' ')}`
    })
  }

  want(lines: readonly string[]): void {
    assert.deepEqual(this.lines(), lines)
  }

  /** Why a notifier is not told (more) of an alert now. */
  why(name: string, notifier = 'slack'): string | undefined {
    const view = this.alerts.list().find(({ alert }) => alert.name === name)
    return view?.notifiers.find((each) => each.notifier === notifier)?.why
  }

  #start(): Alerts {
    const { topology = LONELY, causes, senders = {} } = this.#options
    const life = this.#life
    const made = [...this.settings.notify.keys()].map((id): [string, Sender] => {
      const send: Sender['send'] = async (notice, { signal }) => {
        const outcome = (await this.answers.get(id)?.(notice, signal)) ?? { kind: 'delivered', says: 'ok' }
        // What a process that was killed had under way may still arrive, but it hears no answer.
        if (life !== this.#life) return new Promise(() => undefined)
        if (outcome.kind === 'delivered') this.told.push({ atMs: this.clock.monotonic(), notice })
        return outcome
      }
      return [id, { tells: id, people: true, acknowledges: false, send, ...senders[id] }]
    })
    return new Alerts({
      settings: this.settings,
      senders: new Map(made),
      state: this.state,
      topology,
      causes,
      subjectOf: () => undefined,
      externalUrl: () => 'http://127.0.0.1:7379',
      clock: this.clock,
      notices: this.notices,
    })
  }
}
