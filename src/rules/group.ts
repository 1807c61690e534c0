// One group of rules: evaluated one after the other, so that a later rule sees what an earlier one has just written. A
// rule that fails is marked and the others go on.

import type { Clock } from '../lib/clock.ts'
import { reasonOf } from '../lib/fault.ts'
import { AlertingRule, type RuleSetting } from './alerting-rule.ts'
import { evaluateRecordingRule } from './recording-rule.ts'
import type { RuleAlert, RuleSample } from './rule-alert.ts'
import { labelsKey } from './rule-alert.ts'
import type { Rule, RuleGroup } from './rule-file.ts'

/** Where the samples of one rule go. */
export interface RuleOutput {
  write(samples: readonly RuleSample[], atMs: number): void // series that are not among them any more end here
  close(): void // the rule is no more, and neither are its series
}

export interface EvaluatedRule {
  readonly key: string // the same after a restart and after the file was read anew
  readonly rule: Rule
  readonly alerting: AlertingRule | undefined
  readonly output: RuleOutput
  lastError: string | undefined
  lastAtMs: number | undefined
  tookMs: number
}

const LONGEST_SLICE_MS = 20 // then servers are looked at before the next rule

export class Group {
  readonly source: RuleGroup
  readonly rules: readonly EvaluatedRule[]
  lastAtMs = Number.NEGATIVE_INFINITY
  tookMs = 0
  private readonly setting: RuleSetting
  private readonly clock: Clock

  constructor(source: RuleGroup, setting: RuleSetting, clock: Clock, open: (key: string) => RuleOutput) {
    this.source = source
    this.setting = setting
    this.clock = clock
    this.rules = source.rules.map((rule, at) => {
      const key = keyOf(source, at)
      const alerting = rule.kind === 'alert' ? new AlertingRule(rule, setting) : undefined
      return { key, rule, alerting, output: open(key), lastError: undefined, lastAtMs: undefined, tookMs: 0 }
    })
  }

  /** Stays within one turn of the event loop as long as that is short. */
  async evaluate(nowMs: number, mayGoOn: () => boolean = () => true): Promise<void> {
    const startedAt = this.clock.monotonic()
    let sliceAt = startedAt
    // Twice within one millisecond: what is written has to lie after what was written before.
    const atMs = Math.max(nowMs, this.lastAtMs + 1)
    this.lastAtMs = atMs
    for (const rule of this.rules) {
      if (!mayGoOn()) return
      this.evaluateOne(rule, atMs)
      if (this.clock.monotonic() - sliceAt < LONGEST_SLICE_MS) continue
      await new Promise((resolve) => void setImmediate(resolve))
      sliceAt = this.clock.monotonic()
    }
    this.tookMs = this.clock.monotonic() - startedAt
  }

  alerts(): RuleAlert[] {
    return this.rules.flatMap(({ alerting }) => alerting?.current() ?? [])
  }

  shift(byMs: number): void {
    this.lastAtMs += byMs
    for (const { alerting } of this.rules) alerting?.shift(byMs)
  }

  private evaluateOne(rule: EvaluatedRule, atMs: number): void {
    const startedAt = this.clock.monotonic()
    const { queryOffsetMs, limit } = this.source
    const moment = { atMs, queryOffsetMs, limit }
    try {
      const samples = rule.alerting?.evaluate(moment) ?? evaluateRecordingRule(rule.rule, moment, this.setting)
      rule.output.write(samples, atMs - queryOffsetMs)
      rule.lastError = undefined
    } catch (error) {
      rule.lastError = reasonOf(error)
    }
    rule.lastAtMs = atMs
    rule.tookMs = this.clock.monotonic() - startedAt
  }
}

/** Two rules of a group may have the same name and labels: then their order tells them apart. */
function keyOf({ file, name, rules }: RuleGroup, at: number): string {
  const own = rules.map((rule) => `${rule.kind} ${rule.name} ${labelsKey(rule.labels)}`)
  const same = own.slice(0, at).filter((other) => other === own[at]).length
  return [file, name, own[at], same].join('\u0000')
}
