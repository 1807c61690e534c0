// Checks of names: the same rule twice, and names of labels that programs older than Prometheus 3 refuse.

import { labelsKey } from './rule-alert.ts'
import type { Complaint, LintContext } from './lint.ts'
import type { Rule } from './rule-file.ts'

export function duplicateRule(rule: Rule, { file }: LintContext): Complaint[] {
  const keyOf = ({ name, labels }: Rule): string => `${name}\u0000${labelsKey(labels)}`
  const same = file.groups.flatMap(({ rules }) => rules).filter((other) => keyOf(other) === keyOf(rule))
  if (same[0] === rule || same.length < 2) return []
  return [
    {
      says: `${rule.name} is in this file ${same.length} times with the same labels: which of them an alert or a sample is of, nobody can tell`,
      hint: 'Give one of them another name or a label of its own.',
    },
  ]
}

const CLASSIC_LABEL = /^[a-zA-Z_]\w*$/
const CLASSIC_METRIC = /^[a-zA-Z_:][\w:]*$/

export function oldNames({ kind, name, labels, annotations }: Rule): Complaint[] {
  const names = [...Object.keys(labels), ...Object.keys(annotations)].filter((label) => !CLASSIC_LABEL.test(label))
  if (kind === 'record' && !CLASSIC_METRIC.test(name)) names.push(name)
  return names.map((odd) => ({
    says: `the name ${JSON.stringify(odd)} is accepted since Prometheus 3 only; older ones, and Alertmanager before 0.27, refuse it`,
    hint: 'Use letters, digits and underscores.',
  }))
}
