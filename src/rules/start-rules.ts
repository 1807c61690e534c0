// All rule groups of this process: when each is evaluated, what of it is remembered, and what happens when the files are
// read anew.
//
// A group is evaluated at its interval (5 s when its file says none), and such without an interval of their own also as
// soon as a server's answer or link changed: a dead server is an alert after two seconds, not after the next interval.
// Intervals are counted on the monotonic clock. When somebody sets the clock, the times of all alerts move with it, so
// that none fires early, late or twice.

import { hash } from 'node:crypto'
import { wallMinusMonotonic, type Clock, type Timer } from '../lib/clock.ts'
import { reasonOf } from '../lib/fault.ts'
import type { Storage } from '../promql/storage.ts'
import { forgetful, type AlertStates } from './alert-states.ts'
import type { AlertMemory } from './alerting-rule.ts'
import { reachMs } from './expression.ts'
import { Group, type EvaluatedRule, type RuleOutput } from './group.ts'
import type { RuleAlert } from './rule-alert.ts'
import type { LabelRecord, RuleGroup } from './rule-file.ts'

export interface RulesOptions {
  readonly groups: readonly RuleGroup[]
  readonly storage: Storage
  openOutput(key: string): RuleOutput // where the samples of a rule go
  readonly states?: AlertStates
  readonly clock: Clock
  readonly everyMs?: number // of groups that say no interval
  readonly externalLabels?: LabelRecord
  readonly externalUrl?: () => string
  /** All alerts of one group after each of its evaluations; one that is no more, for whatever reason, once as resolved. */
  onAlerts(alerts: readonly RuleAlert[]): void
  onError(says: string): void // a sentence; said once, until it is another
}

export interface GroupView {
  readonly group: RuleGroup
  readonly intervalMs: number
  readonly missed: number // evaluations that did not take place because the one before took too long
  readonly lastAtMs: number | undefined
  readonly tookMs: number
  readonly rules: readonly RuleView[]
}

export interface RuleView extends Pick<EvaluatedRule, 'rule' | 'lastError' | 'lastAtMs' | 'tookMs'> {
  readonly alerts: readonly RuleAlert[]
}

export interface Rules {
  groups(): GroupView[]
  alerts(): RuleAlert[]
  reevaluateNow(): void // what servers answer has changed
  reload(groups: readonly RuleGroup[]): void
  stop(): void
}

interface Scheduled {
  readonly group: Group
  readonly intervalMs: number
  dueAt: number // monotonic
  missed: number
  isRunning: boolean
  isChanged: boolean // while it ran, something changed that it may not have seen
  timer: Timer | undefined
  ripe: Timer | undefined // for the end of a `for` before the next interval
}

const EVERY_MS = 5_000
const SOON_MS = 50 // for the samples of the change to be written, and the changes of one fault to be one evaluation
const REST = 4 // times the duration of an evaluation, between two that changes ask for
const CLOCK_STEP_MS = 20 // as in the history: a slewed clock moves by less between two evaluations
const ALIVE_EVERY_MS = 10_000
const LONGEST_OUTAGE_MS = 3_600_000 // after a longer one, what was pending or firing says nothing any more
const SHORTEST_WAIT_MS = 30_000 // for the first samples after a start
const LONGEST_WAIT_MS = 600_000

export function startRules(options: RulesOptions): Rules {
  const rules = new RunningRules(options)
  rules.start()
  return rules
}

class RunningRules implements Rules {
  private readonly options: RulesOptions
  private readonly states: AlertStates
  private scheduled: Scheduled[] = []
  private soon: Timer | undefined
  private restUntil = Number.NEGATIVE_INFINITY // monotonic
  private wallMinusMonotonicMs: number
  private aliveSaidAt = Number.NEGATIVE_INFINITY
  private readonly said = new Map<string, string>()
  private readonly handedOn = new Map<string, ReadonlyMap<string, RuleAlert>>() // by group, by fingerprint: not resolved
  private stopped = false

  constructor(options: RulesOptions) {
    this.options = options
    this.states = options.states ?? forgetful
    this.wallMinusMonotonicMs = wallMinusMonotonic(options.clock)
  }

  start(): void {
    this.scheduled = this.options.groups.map((group) => this.schedule(group, (key) => this.options.openOutput(key)))
    this.safely('read', () => this.restore())
    for (const one of this.scheduled) this.wait(one)
  }

  groups(): GroupView[] {
    return this.scheduled.map(({ group, intervalMs, missed }) => ({
      group: group.source,
      intervalMs,
      missed,
      lastAtMs: Number.isFinite(group.lastAtMs) ? group.lastAtMs : undefined,
      tookMs: group.tookMs,
      rules: group.rules.map(({ rule, alerting, lastError, lastAtMs, tookMs }) => {
        return { rule, lastError, lastAtMs, tookMs, alerts: alerting?.current() ?? [] }
      }),
    }))
  }

  alerts(): RuleAlert[] {
    return this.scheduled.flatMap(({ group }) => group.alerts())
  }

  reevaluateNow(): void {
    if (this.stopped || this.soon !== undefined) return
    const { clock } = this.options
    const delayMs = Math.max(SOON_MS, this.restUntil - clock.monotonic())
    this.soon = clock.after(delayMs, () => {
      this.soon = undefined
      const startedAt = clock.monotonic()
      const own = this.scheduled.filter(({ group }) => group.source.intervalMs === undefined)
      for (const one of own) one.isChanged = one.isRunning
      void Promise.all(own.map((one) => this.evaluate(one))).then(() => {
        const now = clock.monotonic()
        this.restUntil = now + REST * (now - startedAt)
      })
    })
  }

  reload(groups: readonly RuleGroup[]): void {
    const known = new Map(this.scheduled.flatMap(({ group }) => group.rules.map((rule) => [rule.key, rule] as const)))
    for (const { timer, ripe } of this.scheduled) {
      timer?.stop()
      ripe?.stop()
    }
    const kept = new Set<string>()
    this.scheduled = groups.map((group) =>
      this.schedule(group, (key) => {
        kept.add(key)
        return known.get(key)?.output ?? this.options.openOutput(key)
      }),
    )
    for (const { group } of this.scheduled)
      for (const { key, alerting } of group.rules) {
        const before = known.get(key)?.alerting
        if (before !== undefined) alerting?.takeOver(before)
      }
    for (const [key, { output, alerting }] of known) {
      if (kept.has(key)) continue
      output.close()
      if (alerting !== undefined) this.safely('saved', () => this.states.save(key, []))
    }
    const groupKeys = new Set(groups.map(groupKey))
    for (const key of this.handedOn.keys()) {
      if (groupKeys.has(key)) continue
      this.handOn(key, [])
      this.handedOn.delete(key)
    }
    for (const one of this.scheduled) this.wait(one)
  }

  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.soon?.stop()
    for (const { timer, ripe, group } of this.scheduled) {
      timer?.stop()
      ripe?.stop()
      this.remember(group)
      for (const { output } of group.rules) output.close()
    }
    this.safely('said to be alive', () => this.states.alive(this.options.clock.now()))
  }

  private schedule(source: RuleGroup, open: (key: string) => RuleOutput): Scheduled {
    const { options } = this
    const { storage, clock, everyMs = EVERY_MS, externalLabels = {} } = options
    const intervalMs = source.intervalMs ?? everyMs
    const query = { storage, subqueryStepMs: everyMs }
    // Asked each time: the address is known only once the API listens.
    const setting = { query, externalLabels, externalUrl: (): string => options.externalUrl?.() ?? '' }
    const group = new Group(source, setting, clock, open)
    // Groups of the same interval are spread over it, each at the same place after a restart.
    const phase = Number.parseInt(hash('sha256', `${source.file};${source.name}`).slice(0, 8), 16) % intervalMs
    return {
      group,
      intervalMs,
      dueAt: clock.monotonic() + phase,
      missed: 0,
      isRunning: false,
      isChanged: false,
      timer: undefined,
      ripe: undefined,
    }
  }

  private wait(one: Scheduled): void {
    const { clock } = this.options
    one.timer = clock.after(one.dueAt - clock.monotonic(), () => {
      const late = Math.max(0, Math.floor((clock.monotonic() - one.dueAt) / one.intervalMs))
      one.missed += late + (one.isRunning ? 1 : 0)
      one.dueAt += (late + 1) * one.intervalMs
      void this.evaluate(one)
      this.wait(one)
    })
  }

  private async evaluate(one: Scheduled): Promise<void> {
    if (one.isRunning) return
    this.followClock()
    one.isRunning = true
    const isWanted = (): boolean => !this.stopped && this.scheduled.includes(one)
    await one.group.evaluate(this.options.clock.now(), isWanted)
    one.isRunning = false
    if (!isWanted()) return
    for (const { key, rule, lastError } of one.group.rules)
      this.say(key, lastError === undefined ? undefined : `rule ${rule.name} cannot be evaluated: ${lastError}`)
    this.remember(one.group)
    this.handOn(groupKey(one.group.source), one.group.alerts())
    if (!one.isChanged) return this.waitForRipe(one)
    one.isChanged = false
    await this.evaluate(one)
  }

  /** An alert fires when its `for` ends, not at the interval after that; an interval that a file says holds. */
  private waitForRipe(one: Scheduled): void {
    const { clock } = this.options
    one.ripe?.stop()
    one.ripe = undefined
    if (one.group.source.intervalMs !== undefined) return
    const ends = one.group.rules.flatMap(({ rule, alerting }) =>
      (alerting?.current() ?? [])
        .filter(({ state, activeAt }) => state === 'pending' && activeAt + rule.forMs > clock.now())
        .map(({ activeAt }) => activeAt + rule.forMs),
    )
    const inMs = Math.min(...ends) - clock.now()
    if (inMs >= one.dueAt - clock.monotonic()) return // with none pending it is without end
    one.ripe = clock.after(inMs, () => void this.evaluate(one))
  }

  private handOn(group: string, alerts: readonly RuleAlert[]): void {
    const named = new Set(alerts.map(({ fingerprint }) => fingerprint))
    const before = this.handedOn.get(group)?.values() ?? []
    const resolvedAt = this.options.clock.now()
    const gone = [...before].filter(({ fingerprint }) => !named.has(fingerprint))
    const active = alerts.filter(({ state }) => state !== 'resolved')
    this.handedOn.set(group, new Map(active.map((alert) => [alert.fingerprint, alert])))
    this.options.onAlerts([...alerts, ...gone.map((alert) => ({ ...alert, state: 'resolved' as const, resolvedAt }))])
  }

  private followClock(): void {
    const offsetMs = wallMinusMonotonic(this.options.clock)
    const stepMs = Math.round(offsetMs - this.wallMinusMonotonicMs)
    this.wallMinusMonotonicMs = offsetMs
    if (Math.abs(stepMs) >= CLOCK_STEP_MS) for (const { group } of this.scheduled) group.shift(stepMs)
  }

  private restore(): void {
    const nowMs = this.options.clock.now()
    const aliveAtMs = this.states.aliveAtMs()
    const known = new Map(this.scheduled.flatMap(({ group }) => group.rules.map((rule) => [rule.key, rule] as const)))
    for (const { rule: key, alerts } of this.states.load()) {
      const rule = known.get(key)
      if (aliveAtMs === undefined || nowMs - aliveAtMs > LONGEST_OUTAGE_MS || rule?.alerting === undefined)
        this.states.save(key, [])
      else {
        const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, reachMs(rule.rule.query.expr)))
        rule.alerting.restore(
          alerts.map((alert) => resumed(alert, aliveAtMs, nowMs)),
          nowMs + waitMs,
        )
      }
    }
  }

  private remember(group: Group): void {
    for (const { key, alerting } of group.rules) {
      if (alerting?.changed !== true) continue
      const saved = this.safely('saved', () => this.states.save(key, alerting.memory()))
      alerting.changed = !saved
    }
    const { clock } = this.options
    if (clock.monotonic() - this.aliveSaidAt < ALIVE_EVERY_MS) return
    this.aliveSaidAt = clock.monotonic()
    this.safely('said to be alive', () => this.states.alive(clock.now()))
  }

  private safely(doing: 'read' | 'saved' | 'said to be alive', work: () => void): boolean {
    try {
      work()
      this.say(doing, undefined)
      return true
    } catch (error) {
      this.say(doing, `the state of alerts cannot be ${doing === 'read' ? 'read' : 'kept'}: ${reasonOf(error)}`)
      return false
    }
  }

  private say(about: string, says: string | undefined): void {
    if (says === this.said.get(about)) return
    if (says === undefined) return void this.said.delete(about)
    this.said.set(about, says)
    this.options.onError(says)
  }
}

function groupKey({ file, name }: RuleGroup): string {
  return `${file}\u0000${name}`
}

/** What was spent in `pending` counts on, the outage between the two processes does not. */
function resumed(alert: AlertMemory, aliveAtMs: number, nowMs: number): AlertMemory {
  const continued = nowMs - Math.max(0, aliveAtMs - alert.activeAtMs)
  if (alert.state === 'pending') return { ...alert, activeAtMs: continued }
  return { ...alert, activeAtMs: Math.min(alert.activeAtMs, continued) } // the clock may have been set back meanwhile
}
