// A life of a fleet in milliseconds: samples that change at given moments, rules that look at them, and what is wanted of
// their alerts, written down as a timeline. Time is a clock that only the test moves; history and state are the real ones.
//
//   const life = timeline(rules)
//   life.at('0s', { used: 95 })
//   life.want(between('30s', '36s'), 'High firing')
//   await life.run('60s')

import assert from 'node:assert/strict'
import { parseDurationMs } from '../src/lib/units.ts'
import { makeHistory, type History, type HistorySource } from '../src/metrics/history.ts'
import { gauge, labelText, seriesOf, Snapshot } from '../src/metrics/series.ts'
import { historyOutput, historyStorage } from '../src/rules/history-storage.ts'
import type { RuleAlert } from '../src/rules/rule-alert.ts'
import { parseRuleFile, showMistake } from '../src/rules/rule-file.ts'
import { startRules, type Rules } from '../src/rules/start-rules.ts'
import { openState, type State } from '../src/state/open-state.ts'
import { FakeClock } from './fake-clock.ts'

/** `name{server="a"}` or `name`: its value from now on; undefined: the series ends. */
type Values = Readonly<Record<string, number | undefined>>

interface Wanted {
  readonly what: string
  readonly fromMs: number
  readonly toMs: number
  readonly kind: 'begins' | 'never'
}

export const between = (from: string, to: string): { fromMs: number; toMs: number } => {
  return { fromMs: msOf(from), toMs: msOf(to) }
}

export function timeline(rules: string): Timeline {
  return new Timeline(rules)
}

export class Timeline {
  readonly clock = new FakeClock()
  readonly errors: string[] = []
  readonly state: State = openState(':memory:')
  rules: Rules | undefined
  history: History | undefined
  onAlerts: ((alerts: readonly RuleAlert[]) => void) | undefined
  private readonly events: { readonly ms: number; run(): void }[] = []
  private readonly wanted: Wanted[] = []
  private readonly seen: { readonly ms: number; readonly what: string }[] = []
  private readonly values = new Map<string, number>()
  private text: string
  private source: HistorySource | undefined
  private last = new Map<string, string>()
  private elapsedMs = 0

  constructor(text: string) {
    this.text = text
  }

  at(when: string, change: Values | (() => void)): this {
    const run = typeof change === 'function' ? change : (): void => this.set(change)
    this.events.push({ ms: msOf(when), run })
    return this
  }

  /** The alert comes into this state within the given time, and at no other. */
  want(window: { fromMs: number; toMs: number }, what: string): this {
    this.wanted.push({ ...window, what, kind: 'begins' })
    return this
  }

  wantNever(what: string): this {
    this.wanted.push({ fromMs: 0, toMs: Infinity, what, kind: 'never' })
    return this
  }

  /** The process is killed: what is in memory is gone. It comes back after `downMs`. */
  restart(when: string, down: string): this {
    return this.at(when, () => this.kill()).at(`${msOf(when) + msOf(down)}ms`, () => this.begin())
  }

  reload(when: string, text: string): this {
    return this.at(when, () => {
      this.text = text
      this.rules?.reload(groupsOf(text))
    })
  }

  async run(until: string): Promise<void> {
    this.begin()
    const endMs = msOf(until)
    for (; this.elapsedMs <= endMs; this.elapsedMs += 1_000) {
      for (const { run } of this.events.filter(({ ms }) => ms > this.elapsedMs - 1_000 && ms <= this.elapsedMs)) run()
      this.sample()
      await this.clock.advance(1_000)
    }
    this.rules?.stop()
    this.state.close()
    this.check()
  }

  /** The alerts at the end, or when `at` runs. */
  alerts(): RuleAlert[] {
    return this.rules?.alerts() ?? []
  }

  private begin(): void {
    this.history = makeHistory({ keepMs: 3_600_000, clock: this.clock })
    const { history } = this
    this.source = history.open('fleet', {})
    this.rules = startRules({
      groups: groupsOf(this.text),
      storage: historyStorage(history),
      openOutput: (key) => historyOutput(history, key),
      states: this.state.alertStates,
      clock: this.clock,
      onAlerts: (alerts) => {
        this.note(alerts)
        this.onAlerts?.(alerts)
      },
      onError: (says) => this.errors.push(says),
    })
  }

  private kill(): void {
    this.clock.forgetTimers() // nothing of it runs any more, and it had no time to say goodbye
    this.rules = undefined
    this.source = undefined
  }

  private set(values: Values): void {
    for (const [series, value] of Object.entries(values)) {
      if (value === undefined) this.values.delete(series)
      else this.values.set(series, value)
    }
  }

  private sample(): void {
    const snapshot = new Snapshot(this.clock.now())
    for (const [series, value] of this.values) {
      const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? []
      snapshot.add(seriesOf(gauge(name, 'of a test'), labels), value)
    }
    this.source?.append(snapshot)
  }

  private note(alerts: readonly RuleAlert[]): void {
    const now = new Map<string, string>()
    for (const { name, labels, state, firedAt } of alerts) {
      if (state === 'resolved' && firedAt === undefined) continue // was pending and is no more
      const { alertname: _name, ...own } = labels
      const text = labelText(own)
      now.set(text === '' ? name : `${name}{${text}}`, state)
    }
    for (const [alert, state] of now)
      if (this.last.get(alert) !== state) this.seen.push({ ms: this.elapsedMs, what: `${alert} ${state}` })
    for (const alert of this.last.keys())
      if (!now.has(alert)) this.seen.push({ ms: this.elapsedMs, what: `${alert} gone` })
    this.last = now
  }

  private check(): void {
    const shown = this.seen.map(({ ms, what }) => `${ms / 1000}s ${what}`).join(', ')
    for (const { what, fromMs, toMs, kind } of this.wanted) {
      const times = this.seen.filter((one) => one.what === what).map(({ ms }) => ms)
      if (kind === 'never') assert.deepEqual(times, [], `${what} is not wanted; seen: ${shown}`)
      else
        assert.ok(
          times.some((ms) => ms >= fromMs && ms <= toMs),
          `${what} is wanted between ${fromMs / 1000}s and ${toMs / 1000}s; seen: ${shown}`,
        )
    }
    for (const what of new Set(this.wanted.map((one) => one.what))) {
      const wanted = this.wanted.filter((one) => one.what === what && one.kind === 'begins').length
      const seen = this.seen.filter((one) => one.what === what).length
      assert.equal(seen, wanted, `${what} ${wanted} times and no more; seen: ${shown}`)
    }
  }
}

function groupsOf(text: string): ReturnType<typeof parseRuleFile>['groups'] {
  const { groups, mistakes } = parseRuleFile(text, 'test.yml')
  assert.deepEqual(mistakes.map(showMistake), [])
  return groups
}

function msOf(duration: string): number {
  return parseDurationMs(duration) ?? assert.fail(`${duration} is no duration`)
}
