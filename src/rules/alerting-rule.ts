// One alerting rule over time. Each evaluation asks its expression; every series of the answer is an alert:
//
//   pending   the expression finds it, for less than `for`. Not found any more: it is forgotten.
//   firing    found for `for` or longer. Not found any more: it goes on for `keep_firing_for`, then it is resolved.
//   resolved  was firing and is over. Listed for 15 minutes, so that nobody misses the end; found again, it is a new alert.
//   restored  was pending or firing when the last process ended. It stays what it was until it is found again, or until
//             there has been time to collect what the expression looks at; only then may it be over.
//
// A rule that fails (a query that cannot be answered, twice the same labels, more alerts than `limit`) leaves its alerts
// as they were, except for `limit`, which drops them all, as in Prometheus.

import { askAt, makeQuery, type QueryOptions, type QueryResult } from '../promql/query.ts'
import { fingerprintOf, labelsKey, withoutEmpty, type RuleAlert, type RuleSample } from './rule-alert.ts'
import type { LabelRecord, Rule } from './rule-file.ts'
import { compileText, type AlertMoment, type AlertText } from './template.ts'
import type { QueriedSample } from './template-value.ts'

export interface Moment {
  readonly atMs: number // of the evaluation
  readonly queryOffsetMs: number
  readonly limit: number // 0: none
}

export interface RuleSetting {
  readonly query: QueryOptions
  readonly externalLabels: LabelRecord
  readonly externalUrl: () => string // where people reach us
}

/** What of an alert is remembered over a restart. */
export interface AlertMemory {
  readonly labels: LabelRecord
  readonly annotations: LabelRecord
  readonly state: 'pending' | 'firing'
  readonly value: number
  readonly activeAtMs: number
  readonly firedAtMs: number | undefined
  readonly keepFiringSinceMs: number | undefined
}

interface Alert {
  readonly labels: LabelRecord
  readonly fingerprint: string
  annotations: LabelRecord
  value: number
  state: 'pending' | 'firing' | 'resolved'
  activeAtMs: number
  firedAtMs: number | undefined
  resolvedAtMs: number | undefined
  keepFiringSinceMs: number | undefined
  restored: boolean
}

const RESOLVED_FOR_MS = 15 * 60_000

export class AlertingRule {
  readonly rule: Rule
  changed = false // since it was last remembered; whoever remembers it sets it back
  private readonly setting: RuleSetting
  private readonly labelTexts: readonly (readonly [string, AlertText])[]
  private readonly annotationTexts: readonly (readonly [string, AlertText])[]
  private alerts = new Map<string, Alert>()
  private restoredUntilMs = Number.NEGATIVE_INFINITY

  constructor(rule: Rule, setting: RuleSetting) {
    this.rule = rule
    this.setting = setting
    const compiled = (texts: LabelRecord): [string, AlertText][] =>
      Object.entries(texts).map(([name, text]) => [name, compileText(text, rule.name)])
    this.labelTexts = compiled(rule.labels)
    this.annotationTexts = compiled(rule.annotations)
  }

  /** Throws what went wrong with the query. The samples are ALERTS and ALERTS_FOR_STATE. */
  evaluate(moment: Moment): RuleSample[] {
    const found = this.find(moment)
    for (const [key, alert] of found) this.take(key, alert)
    for (const [key, alert] of this.alerts) this.advance(key, alert, found.has(key), moment.atMs)
    const active = [...this.alerts.values()].filter(({ state }) => state !== 'resolved')
    if (moment.limit > 0 && active.length > moment.limit) {
      this.alerts.clear()
      this.changed = true
      throw new Error(`exceeded limit of ${moment.limit} with ${active.length} alerts`)
    }
    return active.flatMap((alert) => this.samplesOf(alert))
  }

  /** Pending and firing alerts, and those that were resolved in the last minutes. */
  current(): RuleAlert[] {
    return [...this.alerts.values()].map((alert) => ({
      name: this.rule.name,
      labels: alert.labels,
      annotations: alert.annotations,
      state: alert.state,
      activeAt: alert.activeAtMs,
      firedAt: alert.firedAtMs,
      resolvedAt: alert.resolvedAtMs,
      keepFiringSince: alert.keepFiringSinceMs,
      value: alert.value,
      fingerprint: alert.fingerprint,
    }))
  }

  /** Somebody set the clock: all times move with it, so that what is left of `for` stays what it was. */
  shift(byMs: number): void {
    const moved = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms + byMs)
    for (const alert of this.alerts.values()) {
      alert.activeAtMs += byMs
      alert.firedAtMs = moved(alert.firedAtMs)
      alert.resolvedAtMs = moved(alert.resolvedAtMs)
      alert.keepFiringSinceMs = moved(alert.keepFiringSinceMs)
    }
    this.restoredUntilMs += byMs
    this.changed ||= this.alerts.size > 0
  }

  memory(): AlertMemory[] {
    return [...this.alerts.values()].flatMap(({ state, ...alert }) =>
      state === 'resolved' ? [] : [{ ...alert, state } satisfies AlertMemory],
    )
  }

  /** `untilMs`: until then a restored alert that is not found is not over. */
  restore(memory: readonly AlertMemory[], untilMs: number): void {
    this.restoredUntilMs = untilMs
    for (const { labels, annotations, state, value, activeAtMs, firedAtMs, keepFiringSinceMs } of memory) {
      const times = { activeAtMs, firedAtMs, resolvedAtMs: undefined, keepFiringSinceMs }
      const fingerprint = fingerprintOf(labels)
      this.alerts.set(labelsKey(labels), { labels, fingerprint, annotations, state, value, ...times, restored: true })
    }
  }

  /** Goes on with the alerts of the same rule before its file was read anew. */
  takeOver(from: AlertingRule): void {
    this.alerts = from.alerts
    this.restoredUntilMs = from.restoredUntilMs
    this.changed = true
  }

  private find({ atMs, queryOffsetMs }: Moment): Map<string, Alert> {
    const queriedMs = atMs - queryOffsetMs
    const found = new Map<string, Alert>()
    for (const { labels, value } of samplesOfResult(askAt(this.rule.query, queriedMs, this.setting.query))) {
      const moment = this.momentOf(labels, value, atMs)
      const { __name__: _name, ...own } = labels
      const written = Object.fromEntries(this.labelTexts.map(([name, write]) => [name, write(moment)]))
      const all = withoutEmpty({ ...own, ...written, alertname: this.rule.name })
      const key = labelsKey(all)
      if (found.has(key)) throw new Error('vector contains metrics with the same labelset after applying alert labels')
      found.set(key, {
        labels: all,
        fingerprint: this.alerts.get(key)?.fingerprint ?? fingerprintOf(all),
        annotations: Object.fromEntries(this.annotationTexts.map(([name, write]) => [name, write(moment)])),
        value,
        state: 'pending',
        activeAtMs: atMs,
        firedAtMs: undefined,
        resolvedAtMs: undefined,
        keepFiringSinceMs: undefined,
        restored: false,
      })
    }
    return found
  }

  private momentOf(labels: LabelRecord, value: number, atMs: number): AlertMoment {
    const { externalLabels, externalUrl, query } = this.setting
    const ask = (expr: string): readonly QueriedSample[] => samplesOfResult(askAt(makeQuery(expr), atMs, query))
    return { labels, value, nowMs: atMs, externalLabels, externalUrl: externalUrl(), query: ask }
  }

  private take(key: string, found: Alert): void {
    const known = this.alerts.get(key)
    if (known === undefined || known.state === 'resolved') {
      this.alerts.set(key, found)
      this.changed = true
      return
    }
    known.value = found.value
    known.annotations = found.annotations
    known.restored = false
    this.changed ||= known.keepFiringSinceMs !== undefined
    known.keepFiringSinceMs = undefined
  }

  private advance(key: string, alert: Alert, isFound: boolean, atMs: number): void {
    if (!isFound && !this.outlives(alert, atMs)) return this.end(key, alert, atMs)
    if (alert.restored) return
    const isDue = atMs - alert.activeAtMs >= this.rule.forMs
    if (alert.state === 'pending' && isDue) {
      alert.state = 'firing'
      alert.firedAtMs = atMs
      this.changed = true
    } else if (alert.state === 'firing' && !isDue) {
      // `for` was made longer while it fired.
      alert.state = 'pending'
      alert.firedAtMs = undefined
      alert.keepFiringSinceMs = undefined
      this.changed = true
    }
  }

  /** Whether an alert that the expression does not find goes on all the same. */
  private outlives(alert: Alert, atMs: number): boolean {
    if (alert.restored && atMs < this.restoredUntilMs) return true
    alert.restored = false
    if (alert.state !== 'firing' || this.rule.keepFiringForMs === 0) return false
    this.changed ||= alert.keepFiringSinceMs === undefined
    alert.keepFiringSinceMs ??= atMs
    return atMs - alert.keepFiringSinceMs < this.rule.keepFiringForMs
  }

  private end(key: string, alert: Alert, atMs: number): void {
    const isForgotten = alert.resolvedAtMs !== undefined && atMs - alert.resolvedAtMs > RESOLVED_FOR_MS
    if (alert.state === 'pending' || isForgotten) this.alerts.delete(key)
    if (alert.state !== 'resolved') this.changed = true
    if (alert.state === 'firing') {
      alert.state = 'resolved'
      alert.resolvedAtMs = atMs
    }
  }

  private samplesOf({ labels, state, activeAtMs }: Alert): RuleSample[] {
    return [
      { labels: { ...labels, __name__: 'ALERTS', alertstate: state }, value: 1 },
      { labels: { ...labels, __name__: 'ALERTS_FOR_STATE' }, value: Math.floor(activeAtMs / 1000) },
    ]
  }
}

/** What a rule can use of an answer. */
export function samplesOfResult(result: QueryResult): readonly QueriedSample[] {
  if (result.type === 'vector') return result.samples
  if (result.type === 'scalar') return [{ labels: {}, value: result.value }]
  throw new Error('rule result is not a vector or scalar')
}
