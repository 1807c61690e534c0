// Debian's promtool and we say the same of rule files, of their templates and of their unit tests. Where Prometheus 3 is
// otherwise than the 2.42 that Debian has, we follow 3, and the difference stands here.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { stringify } from 'yaml'
import { makeFolder } from '../lab/children.ts'
import { Group } from '../src/rules/group.ts'
import { readRuleFile } from '../src/rules/rule-file.ts'
import { WrittenSamples } from '../src/rules/written-samples.ts'
import { promtoolAnnotations, promtoolVerdicts } from './promtool-verdicts.ts'
import { compareRules } from './rules-comparison.ts'
import { TEMPLATES } from './template-cases.ts'

test('100 random rule files and the unit tests of those that are right have promtool’s verdicts, alerts and texts', async () => {
  const { wrong, tests, alerts, differences } = await compareRules(7, 100)
  assert.equal(differences.join('\n'), '')
  assert.ok(wrong > 20, `${wrong} files were wrong`)
  assert.ok(tests > 60 && alerts > 300, `${tests} tests with ${alerts} alerts`)
})

// Functions that Prometheus got after 2.42, a type that has another name since, and one that fails in promtool.
const NEWER = /\bnow\b|toDuration|urlQueryEscape|\.Missing|"-30m"|\{\{ externalURL/

test('templates print what promtool prints', async () => {
  const texts = Object.values(TEMPLATES).flatMap((rows) => rows.map(([text]) => text))
  const compared = texts.filter((text) => !NEWER.test(text))
  assert.ok(compared.length >= 40)
  const folder = makeFolder('templates')
  const annotations = Object.fromEntries(compared.map((text, at) => [`a${at}`, text]))
  const rules = join(folder, 'rules.yml')
  const series = ['x{server="a",__value__="text"}', 'x{server="b"}', 'redis_up{instance="10.0.0.5:6379",job="redis"}']
  const input = series.map((name, at) => ({ series: name, values: String([11.5, 21, 1_234_567][at]) }))
  writeFileSync(
    rules,
    stringify({ groups: [{ name: 'g', rules: [{ alert: 'High', expr: 'redis_up', annotations }] }] }, { lineWidth: 0 }),
  )
  const file = join(folder, 'test.yml')
  const wanted = [{ eval_time: '0s', alertname: 'High', exp_alerts: [] }]
  const external = { external_labels: { site: 'fra' }, external_url: 'http://host:7379/respite' }
  const tests = [{ interval: '1m', input_series: input, alert_rule_test: wanted, ...external }]
  writeFileSync(file, stringify({ rule_files: ['rules.yml'], tests }, { lineWidth: 0 }))

  const samples = new WrittenSamples(0)
  for (const { series: name, values } of input) samples.load(name, values, 60_000)
  const setting = {
    query: { storage: samples, subqueryStepMs: 60_000 },
    externalLabels: external.external_labels,
    externalUrl: () => external.external_url,
  }
  const clock = { now: () => 0, monotonic: () => 0, after: () => ({ stop: () => undefined }) }
  const [source] = readRuleFile(rules).groups
  assert.ok(source !== undefined)
  const group = new Group(source, setting, clock, () => samples.output())
  await group.evaluate(0)
  const [theirs] = promtoolAnnotations(file)
  assert.ok(theirs !== undefined, 'promtool found no alert')
  for (const [name, ours] of Object.entries(group.alerts()[0]?.annotations ?? {}))
    assert.equal(ours, theirs[name], annotations[name] ?? name)
})

describe('a rule file that is', () => {
  const rule = (more: string): string => `groups: [{ name: g, rules: [{ alert: A, expr: up, ${more} }] }]`
  const SAME: readonly (readonly [what: string, text: string, isRight: boolean])[] = [
    ['empty', '', true],
    ['only a comment', '# nothing\n', true],
    ['without groups', '{}', true],
    ['a list', '- a\n', false],
    ['a text', 'hello', false],
    ['no YAML', 'groups: [', false],
    ['with tabs', 'groups:\n\t- name: g', false],
    ['of several documents', `${rule('')}\n---\nnonsense: true\n`, true],
    ['with a key twice', 'groups: [{ name: g, name: h }]', false],
    ['with a group twice', 'groups: [{ name: g }, { name: g }]', false],
    ['with an empty group', 'groups: [{ name: g }]', true],
    ['with a group without name', 'groups: [{ rules: [] }]', false],
    ['with an unknown field', rule('summary: x'), false],
    ['with an empty duration', rule('for: ""'), false],
    ['with no duration', rule('for: ~'), true],
    ['with a duration in the wrong order', rule('for: 5m1h'), false],
    ['with a duration of years', rule('for: 1y'), true],
    ['with labels that are numbers', rule('labels: { a: 1, b: 1.50, c: true, d: ~ }'), true],
    ['with a list for a label', rule('labels: { a: [1] }'), false],
    ['with the name as a label', rule('labels: { __name__: x }'), false],
    ['with anchors and merges', 'groups: [{ name: g, rules: [&a { alert: A, expr: up }, { <<: *a, for: 1m }] }]', true],
    [
      'with the same rule twice',
      'groups: [{ name: g, rules: [{ alert: A, expr: up }, { alert: A, expr: up }] }]',
      true,
    ],
    ['with a record and an alert', 'groups: [{ name: g, rules: [{ alert: A, record: b, expr: up }] }]', false],
    ['with a record that waits', 'groups: [{ name: g, rules: [{ record: b, expr: up, for: 1m }] }]', false],
    ['with a record that has braces', 'groups: [{ name: g, rules: [{ record: "b{x=1}", expr: up }] }]', false],
    ['with a wrong limit', 'groups: [{ name: g, limit: many }]', false],
  ]
  // [what, text, promtool 2.42, Prometheus 3 and we]
  const SINCE_3: readonly (readonly [what: string, text: string, before: boolean, now: boolean])[] = [
    ['with a dash in the name of a label', rule('labels: { a-b: c }'), false, true],
    ['with a space in the name of an annotation', rule('annotations: { "a b": c }'), false, true],
    [
      'with a space in the name of a record',
      'groups: [{ name: g, rules: [{ record: "a b", expr: up }] }]',
      false,
      true,
    ],
    ['with labels of a group', 'groups: [{ name: g, labels: { a: b }, rules: [] }]', false, true],
    ['with a query offset', 'groups: [{ name: g, query_offset: 1m, rules: [] }]', false, true],
  ]
  const rows = [...SAME.map(([what, text, same]) => [what, text, same, same] as const), ...SINCE_3]
  const folder = makeFolder('verdicts')
  const files = rows.map(([, text], at) => {
    const file = join(folder, `f${at}.yml`)
    writeFileSync(file, text)
    return file
  })
  const theirs = promtoolVerdicts('check', files)
  for (const [at, [what, , before, now]] of rows.entries())
    test(`${what}: ${now ? 'taken' : 'refused'}${before === now ? '' : ', and the other way round before Prometheus 3'}`, () => {
      assert.equal(theirs[at], before, 'promtool')
      assert.equal(readRuleFile(files[at] ?? '').mistakes.length === 0, now, 'we')
    })
})
