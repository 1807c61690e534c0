// One recording rule: what its expression gives, under a name of its own and with the labels of the rule.

import { askAt } from '../promql/query.ts'
import { samplesOfResult, type Moment, type RuleSetting } from './alerting-rule.ts'
import { labelsKey, withoutEmpty, type RuleSample } from './rule-alert.ts'
import type { Rule } from './rule-file.ts'

/** Throws what went wrong with the query. */
export function evaluateRecordingRule(rule: Rule, moment: Moment, { query }: RuleSetting): RuleSample[] {
  const found = samplesOfResult(askAt(rule.query, moment.atMs - moment.queryOffsetMs, query))
  const samples = found.map(({ labels, value }) => ({
    labels: withoutEmpty({ ...labels, ...rule.labels, __name__: rule.name }),
    value,
  }))
  if (new Set(samples.map(({ labels }) => labelsKey(labels))).size < samples.length)
    throw new Error('vector contains metrics with the same labelset after applying rule labels')
  if (moment.limit > 0 && samples.length > moment.limit)
    throw new Error(`exceeded limit of ${moment.limit} with ${samples.length} series`)
  return samples
}
