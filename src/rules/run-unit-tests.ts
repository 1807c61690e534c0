// Runs unit tests of rules: moves through their time, evaluates all groups at each step, and says where alerts or samples
// are not what the test expects. Alerts are compared as they were at the last evaluation before `eval_time`, firing ones
// only, all of them; samples are compared to the last bit.

import type { Clock } from '../lib/clock.ts'
import { reasonOf } from '../lib/fault.ts'
import { durationText } from './duration-text.ts'
import { formatFloat } from './go-number.ts'
import { labelsOf } from '../promql/labels.ts'
import { parseMetric } from '../promql/parse.ts'
import { askAt, makeQuery } from '../promql/query.ts'
import { samplesOfResult } from './alerting-rule.ts'
import { Group } from './group.ts'
import { labelsKey } from './rule-alert.ts'
import { readRuleFile, showMistake, type LabelRecord, type RuleGroup } from './rule-file.ts'
import type { ExpectedAlerts, ExpectedSamples, UnitTest, UnitTestFile } from './unit-test-file.ts'
import { WrittenSamples } from './written-samples.ts'

/** What did not come out as expected, one text for each; none: all is well. */
export async function runUnitTests(tests: UnitTestFile, only?: RegExp): Promise<string[]> {
  const [repeated] = tests.groupOrder.filter((name, at) => tests.groupOrder.indexOf(name) !== at)
  if (repeated !== undefined) return [`group name repeated in evaluation order: ${repeated}`]
  const files = tests.ruleFiles.map((file) => readRuleFile(file))
  const mistakes = files.flatMap((file) => file.mistakes.map(showMistake))
  if (mistakes.length > 0 && tests.tests.length > 0) return mistakes
  const order = (group: RuleGroup): number => Math.max(0, tests.groupOrder.indexOf(group.name))
  const groups = files.flatMap((file) => file.groups).toSorted((a, b) => order(a) - order(b))
  const failures: string[] = []
  for (const test of tests.tests)
    if (only === undefined || only.test(test.name)) failures.push(...(await runOne(test, groups, tests)))
  return failures
}

async function runOne(test: UnitTest, sources: readonly RuleGroup[], tests: UnitTestFile): Promise<string[]> {
  const samples = new WrittenSamples(test.startMs)
  try {
    for (const { series, values } of test.input) samples.load(series, values, test.stepMs)
  } catch (error) {
    return [`    ${error instanceof Error ? error.message : String(error)}`]
  }
  const query = { storage: samples, subqueryStepMs: tests.everyMs }
  const setting = { query, externalLabels: test.externalLabels, externalUrl: () => test.externalUrl }
  const groups = sources.map((group) => new Group(group, setting, stillClock, () => samples.output()))
  const failures: string[] = []
  const lastMs = Math.max(0, ...test.alerts.map(({ atMs }) => atMs), ...test.expressions.map(({ atMs }) => atMs))
  for (let sinceMs = 0; sinceMs <= lastMs; sinceMs += tests.everyMs) {
    samples.nowMs = test.startMs + sinceMs
    const errors = await evaluateAll(groups, samples.nowMs)
    if (errors.length > 0) return [...failures, ...errors]
    for (const expected of test.alerts)
      if (expected.atMs >= sinceMs && expected.atMs < sinceMs + tests.everyMs)
        failures.push(...compareAlerts(expected, groups))
  }
  samples.nowMs = test.startMs + lastMs
  for (const expected of test.expressions)
    failures.push(...compareSamples(expected, test.startMs, query, tests.isFuzzy))
  const named = test.name.startsWith('unnamed#') ? '' : `    name: ${test.name},\n`
  return failures.map((failure) => named + failure)
}

const stillClock: Clock = { now: () => 0, monotonic: () => 0, after: () => ({ stop: () => undefined }) }

async function evaluateAll(groups: readonly Group[], atMs: number): Promise<string[]> {
  const errors: string[] = []
  for (const group of groups) {
    await group.evaluate(atMs)
    for (const { rule, lastError } of group.rules)
      if (lastError !== undefined) errors.push(`    rule: ${rule.name}, time: ${durationText(atMs)}, err: ${lastError}`)
  }
  return errors
}

interface Written {
  readonly labels: LabelRecord
  readonly annotations: LabelRecord
}

function compareAlerts({ atMs, name, expected }: ExpectedAlerts, groups: readonly Group[]): string[] {
  const firing = groups
    .flatMap((group) => group.alerts())
    .filter((alert) => alert.name === name && alert.state === 'firing')
  const textOf = ({ labels, annotations }: Written): string =>
    `Labels:${labelsOf(labels).toString()} Annotations:${labelsOf(annotations).toString()}`
  const keyOf = ({ labels, annotations }: Written): string => `${labelsKey(labels)}\u0000${labelsKey(annotations)}`
  const sorted = (alerts: readonly Written[]): Written[] => alerts.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const [wanted, got] = [sorted(expected), sorted(firing)]
  if (wanted.map(keyOf).join('\u0001') === got.map(keyOf).join('\u0001')) return []
  const list = (alerts: readonly Written[]): string =>
    alerts.length === 0 ? ' none' : alerts.map((alert) => `\n            ${textOf(alert)}`).join('')
  return [`    alertname: ${name}, time: ${durationText(atMs)},\n        exp:${list(wanted)}\n        got:${list(got)}`]
}

interface Sample {
  readonly labels: LabelRecord
  readonly value: number
}

function compareSamples(
  { atMs, expr, expected }: ExpectedSamples,
  startMs: number,
  query: Parameters<typeof askAt>[2],
  isFuzzy: boolean,
): string[] {
  const about = `    expr: ${JSON.stringify(expr)}, time: ${durationText(atMs)},`
  try {
    const got = sorted(samplesOfResult(askAt(makeQuery(expr), startMs + atMs, query)))
    const wanted = sorted(expected.map(parseExpected))
    const same =
      got.length === wanted.length &&
      got.every((sample, at) => {
        const other = wanted[at]
        return (
          other !== undefined &&
          labelsKey(sample.labels) === labelsKey(other.labels) &&
          isSame(sample.value, other.value, isFuzzy)
        )
      })
    return same ? [] : [`${about}\n        exp: ${show(wanted)}\n        got: ${show(got)}`]
  } catch (error) {
    return [`${about} err: ${reasonOf(error)}`]
  }
}

function parseExpected({ labels, value, histogram }: ExpectedSamples['expected'][number]): Sample {
  if (histogram !== '') throw new Error(`histogram ${histogram}: native histograms are not evaluated here`)
  return { labels: labels.trim() === '' ? {} : parseMetric(labels).labels, value }
}

function sorted(samples: readonly Sample[]): Sample[] {
  return samples.toSorted((a, b) => (labelsKey(a.labels) < labelsKey(b.labels) ? -1 : 1))
}

/** Fuzzy: equal, or neighbours among all doubles. */
function isSame(a: number, b: number, isFuzzy: boolean): boolean {
  if (a === b || !isFuzzy) return a === b
  const bits = new DataView(new ArrayBuffer(16))
  bits.setFloat64(0, a)
  bits.setFloat64(8, b)
  const distance = bits.getBigInt64(0) - bits.getBigInt64(8)
  return distance === 1n || distance === -1n
}

function show(samples: readonly Sample[]): string {
  if (samples.length === 0) return 'nil'
  return samples
    .map(({ labels, value }) => `${labelsOf(labels).toString()} ${formatFloat(value, 'e').replace('e', 'E')}`)
    .join(', ')
}
