// What is wrong with rules that Prometheus takes without a word: those that never fire, fire for ever, fire for the wrong
// server or go silent with it. A finding changes nothing; it stands beside the rule.
//
// A check looks at one rule and says what it finds; `look` is given the whole set of files for what only they can tell.

import { divisionByZero, neverTrue, rawCounter, shortWindow } from './lint-arithmetic.ts'
import { missingAbsent, onePrimary } from './lint-fleet.ts'
import { labelGone, labelUnknown } from './lint-labels.ts'
import { metricTooNew, pitfall, unknownMetric } from './lint-metrics.ts'
import { duplicateRule, oldNames } from './lint-names.ts'
import type { Rule, RuleFile, RuleGroup } from './rule-file.ts'
import type { Template } from './template-syntax.ts'
import { templateOf } from './template.ts'

export interface LintFinding {
  readonly check: string // its id, as `--json` shows it
  readonly file: string
  readonly line: number
  readonly column: number
  readonly group: string
  readonly rule: string
  readonly says: string
  readonly hint: string // what to write instead
}

export interface Complaint {
  readonly says: string
  readonly hint: string
}

export interface LintSetting {
  readonly sampleEveryMs: number // how far apart the samples are that these rules will look at
  readonly metrics: ReadonlyMap<string, 'gauge' | 'counter' | 'summary' | 'histogram'> // that there are, families' names
  readonly serverVersions?: readonly string[] // of the fleet, when it is known
}

export interface LintContext extends LintSetting {
  readonly group: RuleGroup
  readonly file: RuleFile
  readonly rules: readonly Rule[] // of all files
  templates(): readonly Template[] // of this rule's labels and annotations
}

type Check = (rule: Rule, context: LintContext) => readonly Complaint[]

const CHECKS = {
  'division-by-zero': divisionByZero,
  'short-window': shortWindow,
  'never-true': neverTrue,
  'raw-counter': rawCounter,
  'label-gone': labelGone,
  'label-unknown': labelUnknown,
  'unknown-metric': unknownMetric,
  'metric-too-new': metricTooNew,
  'one-primary': onePrimary,
  'missing-absent': missingAbsent,
  pitfall,
  'duplicate-rule': duplicateRule,
  'old-names': oldNames,
} satisfies Record<string, Check>

/** All findings, in the order of the files. */
export function lintRules(files: readonly RuleFile[], setting: LintSetting): LintFinding[] {
  const rules = files.flatMap(({ groups }) => groups.flatMap((group) => group.rules))
  return files.flatMap((file) => [
    ...documentsLeftOut(file),
    ...file.groups.flatMap((group) =>
      group.rules.flatMap((rule) => {
        const context = { ...setting, group, file, rules, templates: () => templatesOf(rule) }
        return lintRule(rule, context)
      }),
    ),
  ])
}

function lintRule(rule: Rule, context: LintContext): LintFinding[] {
  const { group, file } = context
  const place = { file: file.file, ...rule.exprAt, group: group.name, rule: rule.name }
  return Object.entries<Check>(CHECKS).flatMap(([check, look]) =>
    look(rule, context).map((complaint) => ({ check, ...place, ...complaint })),
  )
}

function templatesOf({ name, kind, labels, annotations }: Rule): Template[] {
  if (kind === 'record') return []
  return [...Object.values(labels), ...Object.values(annotations)].flatMap((text) => templateOf(text, name) ?? [])
}

function documentsLeftOut({ file, documents }: RuleFile): LintFinding[] {
  if (documents < 2) return []
  const says = `the file holds ${documents} documents, of which only the first is read`
  const hint = 'Give each document a file of its own.'
  return [{ check: 'documents-left-out', file, line: 1, column: 1, group: '', rule: '', says, hint }]
}
