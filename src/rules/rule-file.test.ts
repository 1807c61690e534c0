// Rule files: what is read of a right one, and each kind of mistake with its line, its column and the words of promtool.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { faultOfMistakes, parseRuleFile, showMistake } from './rule-file.ts'

const mistakesOf = (text: string): string[] => parseRuleFile(text, 'r.yml').mistakes.map(showMistake)

/** A group with one rule, the lines of which begin at line 4, column 9. */
const ruleOf = (...lines: string[]): string => `groups:\n  - name: g\n    rules:\n      - ${lines.join('\n        ')}\n`

describe('a rule file', () => {
  it('is read with all that it says', () => {
    const { groups, mistakes } = parseRuleFile(
      `groups:
  - name: g
    interval: 30s
    query_offset: 10s
    limit: 5
    labels: { team: a, severity: none }
    rules:
      - alert: High
        expr: used > 90
        for: 1m30s
        keep_firing_for: 1h
        labels: { severity: page, number: 1.50 }
        annotations: { says: "{{ $value }}" }
      - record: a:b
        expr: 1
`,
      'r.yml',
    )
    assert.deepEqual(mistakes, [])
    const [group] = groups
    const [alert, record] = group?.rules ?? []
    assert.deepEqual([group?.intervalMs, group?.queryOffsetMs, group?.limit], [30_000, 10_000, 5])
    assert.deepEqual(
      [alert?.kind, alert?.name, alert?.query.text, alert?.forMs, alert?.keepFiringForMs],
      ['alert', 'High', 'used > 90', 90_000, 3_600_000],
    )
    assert.deepEqual(alert?.labels, { team: 'a', severity: 'page', number: '1.50' })
    assert.deepEqual(alert?.annotations, { says: '{{ $value }}' })
    assert.deepEqual(
      [record?.kind, record?.name, record?.query.text, record?.labels],
      ['record', 'a:b', '1', { team: 'a', severity: 'none' }],
    )
  })

  it('may use anchors and merges', () => {
    const text =
      'groups: [{ name: g, rules: [&a { alert: A, expr: up, labels: &l { x: y } }, { <<: *a, for: 1m, labels: *l }] }]'
    const { groups, mistakes } = parseRuleFile(text, 'r.yml')
    assert.deepEqual(mistakes, [])
    assert.deepEqual(
      groups[0]?.rules.map(({ name, forMs, labels }) => [name, forMs, labels]),
      [
        ['A', 0, { x: 'y' }],
        ['A', 60_000, { x: 'y' }],
      ],
    )
  })

  it('may be empty', () => assert.deepEqual(mistakesOf(''), []))
})

describe('a mistake', () => {
  const rows: readonly (readonly [what: string, text: string, says: string])[] = [
    [
      'no YAML',
      'groups: [',
      'r.yml:1:10: yaml: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a list', '- a', 'r.yml:1:1: cannot unmarshal !!seq into rulefmt.RuleGroups'],
    [
      'an unknown field',
      ruleOf('alert: A', 'expr: up', 'fro: 5m'),
      'r.yml:6:9: field fro not found in type rulefmt.Rule',
    ],
    [
      'an unknown field of a group',
      'groups:\n  - name: g\n    every: 1m\n',
      'r.yml:3:5: field every not found in type rulefmt.RuleGroup',
    ],
    ['a field twice', ruleOf('alert: A', 'alert: B', 'expr: up'), 'r.yml:5:9: mapping key already defined'],
    ['a group twice', 'groups:\n  - name: g\n  - name: g\n', 'r.yml:3:5: groupname: "g" is repeated in the same file'],
    ['a group without name', 'groups:\n  - rules: []\n', 'r.yml:2:5: Groupname must not be empty'],
    [
      'neither alert nor record',
      ruleOf('expr: up'),
      `r.yml:4:9: group "g", rule 1, "": one of 'record' or 'alert' must be set`,
    ],
    [
      'both',
      ruleOf('alert: A', 'record: b', 'expr: up'),
      `r.yml:5:17: group "g", rule 1, "A": only one of 'record' and 'alert' must be set`,
    ],
    ['no expression', ruleOf('alert: A'), `r.yml:4:9: group "g", rule 1, "A": field 'expr' must be set in rule`],
    [
      'a wrong expression',
      ruleOf('alert: A', 'expr: sum(up'),
      'r.yml:5:15: group "g", rule 1, "A": could not parse expression: 1:7: parse error: unclosed left parenthesis',
    ],
    [
      'a wrong type',
      ruleOf('alert: A', 'expr: rate(up)'),
      'r.yml:5:15: group "g", rule 1, "A": could not parse expression: 1:6: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
    ['no duration', ruleOf('alert: A', 'expr: up', 'for: 5'), 'r.yml:6:14: not a valid duration string: "5"'],
    [
      'a wait in a recording rule',
      ruleOf('record: a', 'expr: up', 'for: 5m'),
      `r.yml:6:14: group "g", rule 1, "a": invalid field 'for' in recording rule`,
    ],
    [
      'braces in the name',
      ruleOf('record: a{b="c"}', 'expr: up'),
      'r.yml:4:17: group "g", rule 1, "a{b="c"}": braces present in the recording rule name; should it be in expr?: a{b="c"}',
    ],
    [
      'a label that is the name',
      ruleOf('alert: A', 'expr: up', 'labels: { __name__: x }'),
      'r.yml:6:29: group "g", rule 1, "A": invalid label name: __name__',
    ],
    [
      'a label that is a list',
      ruleOf('alert: A', 'expr: up', 'labels: { a: [b] }'),
      'r.yml:6:22: cannot unmarshal !!seq into string',
    ],
    [
      'a wrong template',
      ruleOf('alert: A', 'expr: up', 'annotations:', '  says: "{{ $label.x }}"'),
      'r.yml:7:17: group "g", rule 1, "A": annotation "says": template: __alert_A:1: undefined variable "$label"',
    ],
    [
      'a limit that is none',
      'groups: [{ name: g, limit: many }]',
      'r.yml:1:28: cannot unmarshal !!str `many` into int',
    ],
  ]
  for (const [what, text, says] of rows) it(what, () => assert.deepEqual(mistakesOf(text), [says]))

  it('is not alone: all of a file come at once, in its order, as one Fault', () => {
    const { mistakes } = parseRuleFile(ruleOf('alert: A', 'expr: sum(', 'for: 5', 'annotations: { a: "{{" }'), 'r.yml')
    const fault = faultOfMistakes(mistakes)
    assert.match(fault?.message ?? '', /r\.yml: 3 mistakes\n {2}r\.yml:5:15: .*\n {2}r\.yml:6:14: .*\n {2}r\.yml:7:/)
    assert.equal(faultOfMistakes([]), undefined)
  })
})
