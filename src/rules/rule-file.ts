// Prometheus rule files as they are: what a file says, or everything that is wrong with it, each mistake with its line,
// column and rule, in the words of promtool. Nothing is guessed: an unknown field is a mistake, since a misspelt `for` is
// an alert that fires too early.

import { readFileSync } from 'node:fs'
import { Fault, fileReasonOf, reasonOf } from '../lib/fault.ts'
import { makeQuery, type Query } from '../promql/query.ts'
import { templateMistake } from './template.ts'
import { parseYaml, type YamlMap } from './rule-yaml.ts'

export type LabelRecord = Readonly<Record<string, string>>

export interface RuleGroup {
  readonly file: string
  readonly name: string
  readonly line: number
  readonly intervalMs: number | undefined
  readonly queryOffsetMs: number
  readonly limit: number // 0: none
  readonly rules: readonly Rule[]
}

export interface Rule {
  readonly kind: 'alert' | 'record'
  readonly name: string
  readonly query: Query
  readonly forMs: number
  readonly keepFiringForMs: number
  readonly labels: LabelRecord // the group's among them
  readonly annotations: LabelRecord
  readonly line: number
  readonly exprAt: Position // where the expression begins
}

export interface Position {
  readonly line: number
  readonly column: number
}

export interface RuleMistake extends Position {
  readonly file: string
  readonly says: string // with the group and the rule, when it is about one
}

export interface RuleFile {
  readonly file: string
  readonly groups: readonly RuleGroup[] // of a file with mistakes: what could be read
  readonly mistakes: readonly RuleMistake[]
  readonly documents: number // only the first is read
}

/** Throws a Fault only when the file cannot be read. */
export function readRuleFile(file: string): RuleFile {
  try {
    return parseRuleFile(readFileSync(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof Fault || (error as NodeJS.ErrnoException).code === undefined) throw error
    throw new Fault({ doing: 'reading the rule file', target: file, why: fileReasonOf(error), cause: error })
  }
}

/** `file:8:11: group "a", rule 2, "B": …`, as messages show a mistake. */
export function showMistake({ file, line, column, says }: RuleMistake): string {
  return line === 0 ? `${file}: ${says}` : `${file}:${line}:${column}: ${says}`
}

/** All mistakes of some files as one Fault, or undefined. */
export function faultOfMistakes(mistakes: readonly RuleMistake[]): Fault | undefined {
  const [first] = mistakes
  if (first === undefined) return undefined
  const why =
    mistakes.length === 1
      ? first.says
      : [`${mistakes.length} mistakes`, ...mistakes.map((one) => `  ${showMistake(one)}`)].join('\n')
  const target = mistakes.length === 1 ? `${first.file}:${first.line}:${first.column}` : first.file
  return new Fault({ doing: 'reading the rule file', target, why, retryable: false })
}

export function parseRuleFile(text: string, file: string): RuleFile {
  const mistakes: RuleMistake[] = []
  const note = (at: Position, says: string): void =>
    void mistakes.push({ file, line: at.line, column: at.column, says })
  const { root, documents } = parseYaml(text, note)
  const groups = (root?.list('groups') ?? []).map((group) => readGroup(group, file, note))
  root?.expectKeys(['groups'], 'rulefmt.RuleGroups')
  for (const { check } of groups) check()
  checkGroupNames(groups, note)
  mistakes.sort((a, b) => a.line - b.line || a.column - b.column)
  return { file, groups: groups.map(({ group }) => group), mistakes, documents }
}

type Note = (at: Position, says: string) => void

interface ReadGroup {
  readonly group: RuleGroup
  readonly at: Position
  check(): void
}

const GROUP_KEYS = ['name', 'interval', 'query_offset', 'limit', 'rules', 'labels']
const RULE_KEYS = ['record', 'alert', 'expr', 'for', 'keep_firing_for', 'labels', 'annotations']

function readGroup(map: YamlMap, file: string, note: Note): ReadGroup {
  map.expectKeys(GROUP_KEYS, 'rulefmt.RuleGroup')
  const name = map.text('name') ?? ''
  const labels = map.texts('labels')
  const read = map.list('rules').map((rule, at) => readRule(rule, labels, { group: name, number: at + 1 }, note))
  const group = {
    file,
    name,
    line: map.at.line,
    intervalMs: map.durationMs('interval') || undefined,
    queryOffsetMs: map.durationMs('query_offset') ?? 0,
    limit: map.whole('limit') ?? 0,
    rules: read.map(({ rule }) => rule).filter((rule) => rule !== undefined),
  }
  const check = (): void => {
    if (name === '') note(map.at, 'Groupname must not be empty')
    for (const label of Object.keys(labels))
      if (!isLabelName(label)) note(map.positionOf('labels'), `invalid label name: ${label}`)
    for (const one of read) one.check()
  }
  return { group, at: map.at, check }
}

function checkGroupNames(groups: readonly ReadGroup[], note: Note): void {
  const seen = new Set<string>()
  for (const { group, at } of groups) {
    if (seen.has(group.name)) note(at, `groupname: "${group.name}" is repeated in the same file`)
    seen.add(group.name)
  }
}

function readRule(
  map: YamlMap,
  groupLabels: LabelRecord,
  place: { group: string; number: number },
  note: Note,
): { rule: Rule | undefined; check(): void } {
  map.expectKeys(RULE_KEYS, 'rulefmt.Rule')
  const record = map.text('record') ?? ''
  const alert = map.text('alert') ?? ''
  const expr = map.text('expr') ?? ''
  const own = map.texts('labels')
  const annotations = map.texts('annotations')
  const forMs = map.durationMs('for') ?? 0
  const keepFiringForMs = map.durationMs('keep_firing_for') ?? 0
  const name = alert === '' ? record : alert
  const mistakes: { at: Position; says: string }[] = []
  const wrong = (key: string, says: string): void => void mistakes.push({ at: map.positionOf(key), says })

  if (record !== '' && alert !== '') wrong('record', "only one of 'record' and 'alert' must be set")
  if (record === '' && alert === '') wrong('', "one of 'record' or 'alert' must be set")
  const query = readQuery(expr, (says) => wrong('expr', says))
  if (record !== '') checkRecord(record, { annotations, forMs, keepFiringForMs }, wrong)
  checkNames(own, annotations, wrong)
  if (alert !== '') checkTemplates(alert, own, annotations, wrong)

  const kind = alert === '' ? 'record' : 'alert'
  const labels = { ...groupLabels, ...own }
  const { line } = map.at
  const exprAt = map.positionOf('expr')
  const rule =
    query && ({ kind, name, query, forMs, keepFiringForMs, labels, annotations, line, exprAt } satisfies Rule)
  const inRule = `group "${place.group}", rule ${place.number}, "${name}"`
  const check = (): void => {
    for (const { at, says } of mistakes) note(at, `${inRule}: ${says}`)
  }
  return { rule, check }
}

function readQuery(expr: string, wrong: (says: string) => void): Query | undefined {
  if (expr === '') {
    wrong("field 'expr' must be set in rule")
    return undefined
  }
  try {
    return makeQuery(expr)
  } catch (error) {
    wrong(`could not parse expression: ${reasonOf(error)}`)
    return undefined
  }
}

function checkRecord(
  record: string,
  has: { annotations: LabelRecord; forMs: number; keepFiringForMs: number },
  wrong: (key: string, says: string) => void,
): void {
  if (Object.keys(has.annotations).length > 0) wrong('annotations', "invalid field 'annotations' in recording rule")
  if (has.forMs !== 0) wrong('for', "invalid field 'for' in recording rule")
  if (has.keepFiringForMs !== 0) wrong('keep_firing_for', "invalid field 'keep_firing_for' in recording rule")
  if (/[{}]/.test(record))
    wrong('record', `braces present in the recording rule name; should it be in expr?: ${record}`)
  else if (!record.isWellFormed()) wrong('record', `invalid recording rule name: ${record}`)
}

/** Any text is the name of a label since Prometheus 3; the linter says which ones older programs refuse. */
function isLabelName(name: string): boolean {
  return name !== '' && name !== '__name__' && name.isWellFormed()
}

function checkNames(labels: LabelRecord, annotations: LabelRecord, wrong: (key: string, says: string) => void): void {
  for (const name of Object.keys(labels)) if (!isLabelName(name)) wrong(`labels.${name}`, `invalid label name: ${name}`)
  for (const name of Object.keys(annotations))
    if (name === '' || !name.isWellFormed()) wrong(`annotations.${name}`, `invalid annotation name: ${name}`)
}

function checkTemplates(
  alert: string,
  labels: LabelRecord,
  annotations: LabelRecord,
  wrong: (key: string, says: string) => void,
): void {
  for (const [kind, key, texts] of [
    ['label', 'labels', labels],
    ['annotation', 'annotations', annotations],
  ] as const)
    for (const [name, text] of Object.entries(texts)) {
      const mistake = templateMistake(text, alert)
      if (mistake !== undefined) wrong(`${key}.${name}`, `${kind} "${name}": ${mistake}`)
    }
}
