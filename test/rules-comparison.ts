// Random rule files and unit tests of them, judged by Debian's promtool and by us. For each unit test our own alerts are
// written down as what is expected: promtool has to find the same ones, with the same labels and texts. Then something of
// it is changed, and both have to refuse it.

import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { stringify } from 'yaml'
import { makeFolder } from '../lab/children.ts'
import { Group } from '../src/rules/group.ts'
import { readRuleFile, type RuleGroup } from '../src/rules/rule-file.ts'
import { runUnitTests } from '../src/rules/run-unit-tests.ts'
import { parseDurationMs } from '../src/lib/units.ts'
import { readUnitTestFile } from '../src/rules/unit-test-file.ts'
import { WrittenSamples } from '../src/rules/written-samples.ts'
import { promtoolVerdicts } from './promtool-verdicts.ts'
import { mutate, randomGroups, randomOf, randomTest, type RandomTest } from './rules-random.ts'

export interface RulesComparison {
  readonly files: number
  readonly wrong: number // of them refused by both
  readonly tests: number
  readonly alerts: number // expected in them
  readonly differences: string[]
}

const STEP_MS = 47_000
const EVERY_MS = 60_000

export async function compareRules(seed: number, count: number): Promise<RulesComparison> {
  const random = randomOf(seed)
  const folder = makeFolder('rules')
  const files = Array.from({ length: count }, (_none, at) => {
    const file = join(folder, `r${at}.yml`)
    const groups = randomGroups(random)
    writeFileSync(file, at % 2 === 0 ? stringify(groups, { lineWidth: 0 }) : mutate(random, groups))
    return file
  })
  const differences: string[] = []
  const theirs = promtoolVerdicts('check', files)
  const ours = files.map((file) => readRuleFile(file).mistakes.length === 0)
  for (const [at, file] of files.entries())
    if (theirs[at] !== ours[at])
      differences.push(`check ${file}: promtool ${verdict(theirs[at])}, we ${verdict(ours[at])}`)
  const right = files.filter((_file, at) => theirs[at] === true && ours[at] === true)

  let alerts = 0
  const tests: string[] = []
  for (const file of right) {
    const test = randomTest(random)
    const expected = await alertsOf(readRuleFile(file).groups, test)
    if (expected === undefined) continue // a rule fails: no verdict about alerts
    alerts += expected.reduce((sum, { exp_alerts: list }) => sum + list.length, 0)
    tests.push(writeTest(file, test, expected, 'right'))
    if (spoil(expected)) tests.push(writeTest(file, test, expected, 'wrong'))
  }
  const theirTests = promtoolVerdicts('test', tests)
  for (const [at, file] of tests.entries()) {
    const failures = await runUnitTests(readUnitTestFile(file))
    const wanted = file.endsWith('right.yml')
    if (theirTests[at] !== wanted || (failures.length === 0) !== wanted)
      differences.push(
        `test ${file}: promtool ${verdict(theirTests[at])}, we ${verdict(failures.length === 0)}, wanted ${verdict(wanted)}\n${failures.join('\n')}`,
      )
  }
  return { files: count, wrong: count - right.length, tests: tests.length, alerts, differences }
}

interface Expected {
  eval_time: string
  alertname: string
  exp_alerts: { exp_labels: Record<string, string>; exp_annotations: Record<string, string> }[]
}

/** All firing alerts at each time; undefined when a rule cannot be evaluated. */
async function alertsOf(
  sources: readonly RuleGroup[],
  { input, evalTimes }: RandomTest,
): Promise<Expected[] | undefined> {
  const samples = new WrittenSamples(0)
  for (const { series, values } of input) samples.load(series, values, STEP_MS)
  const clock = { now: () => 0, monotonic: () => 0, after: () => ({ stop: () => undefined }) }
  const query = { storage: samples, subqueryStepMs: EVERY_MS }
  const setting = { query, externalLabels: { site: 'fra' }, externalUrl: () => '' }
  const groups = sources.map((source) => new Group(source, setting, clock, () => samples.output()))
  const names = [
    ...new Set(sources.flatMap(({ rules }) => rules.filter(({ kind }) => kind === 'alert').map(({ name }) => name))),
  ]
  const expected: Expected[] = []
  for (let atMs = 0; atMs <= 26 * EVERY_MS; atMs += EVERY_MS) {
    samples.nowMs = atMs
    for (const group of groups) await group.evaluate(atMs)
    if (groups.some(({ rules }) => rules.some(({ lastError }) => lastError !== undefined))) return undefined
    for (const time of evalTimes.filter((each) => parseDurationMs(each) === atMs))
      for (const name of names) {
        const firing = groups
          .flatMap((group) => group.alerts())
          .filter((alert) => alert.name === name && alert.state === 'firing')
        const list = firing.map(({ labels: { alertname: _own, ...labels }, annotations }) => {
          return { exp_labels: labels, exp_annotations: { ...annotations } }
        })
        expected.push({ eval_time: time, alertname: name, exp_alerts: list })
      }
  }
  return expected
}

/** Answers whether there was anything to change. */
function spoil(expected: Expected[]): boolean {
  const some = expected.find(({ exp_alerts: list }) => list.length > 0)
  const [alert] = some?.exp_alerts ?? []
  if (some === undefined || alert === undefined) return false
  if ('says' in alert.exp_annotations) alert.exp_annotations['says'] += '.'
  else some.exp_alerts = some.exp_alerts.slice(1)
  return true
}

function writeTest(rules: string, { input }: RandomTest, expected: readonly Expected[], kind: string): string {
  const test = { interval: '47s', external_labels: { site: 'fra' }, input_series: input, alert_rule_test: expected }
  const file = rules.replace(/\.yml$/, `.${kind}.yml`)
  const order = readRuleFile(rules).groups.map(({ name }) => name) // promtool takes any other order when none is given
  writeFileSync(
    file,
    stringify(
      { rule_files: [basename(rules)], group_eval_order: order, evaluation_interval: '1m', tests: [test] },
      { lineWidth: 0 },
    ),
  )
  return file
}

function verdict(isRight: boolean | undefined): string {
  return isRight === true ? 'takes it' : 'refuses it'
}
