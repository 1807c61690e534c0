// Unit tests of rules as promtool reads them: samples written down, and what alerts and expressions are expected of them.
// Here a file becomes tests; running them is elsewhere.

import { globSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { Fault, fileReasonOf } from '../lib/fault.ts'
import { showMistake, type LabelRecord, type RuleMistake } from './rule-file.ts'
import { parseYaml, type YamlMap } from './rule-yaml.ts'

export interface UnitTestFile {
  readonly file: string
  readonly ruleFiles: readonly string[] // globs resolved
  readonly unmatched: readonly string[] // globs that no file matches
  readonly everyMs: number
  readonly groupOrder: readonly string[]
  readonly isFuzzy: boolean // the last bit of a value does not count
  readonly tests: readonly UnitTest[]
}

export interface UnitTest {
  readonly name: string
  readonly stepMs: number // between two values of the input
  readonly startMs: number
  readonly input: readonly { readonly series: string; readonly values: string }[]
  readonly alerts: readonly ExpectedAlerts[]
  readonly expressions: readonly ExpectedSamples[]
  readonly externalLabels: LabelRecord
  readonly externalUrl: string
}

export interface ExpectedAlerts {
  readonly atMs: number // since the start of the test, as in the next one
  readonly name: string
  readonly expected: readonly { readonly labels: LabelRecord; readonly annotations: LabelRecord }[]
}

export interface ExpectedSamples {
  readonly atMs: number
  readonly expr: string
  readonly expected: readonly { readonly labels: string; readonly value: number; readonly histogram: string }[]
}

/** Throws a Fault with all that is wrong in the file. */
export function readUnitTestFile(file: string): UnitTestFile {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Fault({ doing: 'reading the unit tests', target: file, why: fileReasonOf(error), cause: error })
  }
  const mistakes: RuleMistake[] = []
  const { root } = parseYaml(text, ({ line, column }, says) => void mistakes.push({ file, line, column, says }))
  const read = root === undefined ? undefined : readRoot(root, file)
  if (mistakes.length > 0) {
    const why = mistakes.map(showMistake).join('\n')
    throw new Fault({ doing: 'reading the unit tests', target: file, why, retryable: false })
  }
  const empty = { file, ruleFiles: [], unmatched: [], everyMs: 60_000, groupOrder: [], isFuzzy: false, tests: [] }
  return read ?? empty
}

const ROOT_KEYS = ['rule_files', 'evaluation_interval', 'group_eval_order', 'tests', 'fuzzy_compare']
const TEST_KEYS = [
  'interval',
  'input_series',
  'alert_rule_test',
  'promql_expr_test',
  'external_labels',
  'external_url',
  'name',
  'start_timestamp',
]

function readRoot(root: YamlMap, file: string): UnitTestFile {
  root.expectKeys(ROOT_KEYS, 'main.unitTestFile')
  const everyMs = root.durationMs('evaluation_interval') || 60_000
  const unmatched: string[] = []
  const ruleFiles = root.textList('rule_files').flatMap((pattern) => {
    const path = pattern === '' || isAbsolute(pattern) ? pattern : join(dirname(file), pattern)
    const found = globSync(path).toSorted()
    if (found.length === 0) unmatched.push(path)
    return found
  })
  const groupOrder = root.textList('group_eval_order')
  const isFuzzy = root.flag('fuzzy_compare')
  const tests = root.list('tests').map((test, at) => readTest(test, `unnamed#${at}`, everyMs))
  return { file, ruleFiles, unmatched, everyMs, groupOrder, isFuzzy, tests }
}

function readTest(map: YamlMap, unnamed: string, everyMs: number): UnitTest {
  map.expectKeys(TEST_KEYS, 'main.testGroup')
  return {
    name: map.text('name') || unnamed,
    stepMs: map.durationMs('interval') || everyMs,
    startMs: startOf(map),
    input: map.list('input_series').map((series) => {
      series.expectKeys(['series', 'values'], 'main.series')
      return { series: series.text('series') ?? '', values: series.text('values') ?? '' }
    }),
    alerts: map.list('alert_rule_test').map(readAlerts),
    expressions: map.list('promql_expr_test').map(readExpression),
    externalLabels: map.texts('external_labels'),
    externalUrl: map.text('external_url') ?? '',
  }
}

function startOf(map: YamlMap): number {
  const text = map.text('start_timestamp') ?? ''
  if (text === '') return 0
  const ms = /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  if (Number.isNaN(ms)) map.complain('start_timestamp', `cannot parse ${JSON.stringify(text)} to a valid timestamp`)
  return Math.round(ms)
}

function readAlerts(map: YamlMap): ExpectedAlerts {
  map.expectKeys(['eval_time', 'alertname', 'exp_alerts'], 'main.alertTestCase')
  const name = map.text('alertname') ?? ''
  if (name === '') map.complain('', 'an item under alert_rule_test misses required attribute alertname')
  const expected = map.list('exp_alerts').map((alert) => {
    alert.expectKeys(['exp_labels', 'exp_annotations'], 'main.alert')
    // Nobody writes down the label that every alert of this name has.
    return { labels: { ...alert.texts('exp_labels'), alertname: name }, annotations: alert.texts('exp_annotations') }
  })
  return { atMs: map.durationMs('eval_time') ?? 0, name, expected }
}

function readExpression(map: YamlMap): ExpectedSamples {
  map.expectKeys(['expr', 'eval_time', 'exp_samples'], 'main.promqlTestCase')
  const expected = map.list('exp_samples').map((sample) => {
    sample.expectKeys(['labels', 'value', 'histogram'], 'main.sample')
    const histogram = sample.text('histogram') ?? ''
    return { labels: sample.text('labels') ?? '', value: sample.number('value') ?? 0, histogram }
  })
  return { atMs: map.durationMs('eval_time') ?? 0, expr: map.text('expr') ?? '', expected }
}
