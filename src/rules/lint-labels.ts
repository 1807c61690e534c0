// Checks of the labels that the texts of an alert name: those that the expression has aggregated away are empty on the
// page, exactly where it should say which server it is.

import { labelSetOf, mayHave } from './label-sets.ts'
import type { Complaint, LintContext } from './lint.ts'
import type { Rule } from './rule-file.ts'
import type { Operand, Pipe, Template, TemplateNode } from './template-syntax.ts'

export function labelGone({ query }: Rule, { templates }: LintContext): Complaint[] {
  const set = labelSetOf(query.expr)
  const gone = [...labelsNamedIn(templates())].filter((label) => !mayHave(set, label))
  return gone.map((label) => ({
    says: `{{ $labels.${label} }} is empty: the expression aggregates the label ${label} away`,
    hint: `Keep it, as in \`by (${label})\`, or do not name it.`,
  }))
}

// Labels that only a scrape adds.
const OF_PROMETHEUS = new Set(['job'])

/** A rule that is evaluated here sees no label that Prometheus adds when it scrapes. */
export function labelUnknown({ query }: Rule, { templates, metrics }: LintContext): Complaint[] {
  const set = labelSetOf(query.expr)
  if (metrics.size === 0) return []
  const named = [...labelsNamedIn(templates())].filter((label) => OF_PROMETHEUS.has(label) && mayHave(set, label))
  return named.map((label) => ({
    says: `{{ $labels.${label} }} is filled by Prometheus only: samples that Respite takes have deployment and instance, and no ${label}`,
    hint: 'Name {{ $labels.deployment }} instead where Respite evaluates the rule.',
  }))
}

function labelsNamedIn(templates: readonly Template[]): Set<string> {
  const found = new Set<string>()
  for (const { nodes, defined } of templates)
    for (const list of [nodes, ...defined.values()]) for (const node of list) collectNode(node, found)
  return found
}

function collectNode(node: TemplateNode, found: Set<string>): void {
  if (!('pipe' in node)) return
  if (node.pipe !== undefined) collectPipe(node.pipe, found)
  if (node.kind !== 'if' && node.kind !== 'with' && node.kind !== 'range') return
  for (const inner of [...node.body, ...node.otherwise]) collectNode(inner, found)
}

function collectPipe({ commands }: Pipe, found: Set<string>): void {
  for (const { args } of commands) {
    const [first, of, key] = args
    const isIndex =
      first?.kind === 'function' && first.name === 'index' && of?.kind === 'variable' && of.name === '$labels'
    if (isIndex && key?.kind === 'constant' && typeof key.value === 'string') found.add(key.value)
    for (const arg of args) collectOperand(arg, found)
  }
}

/** `$labels.x`, and `.Labels.x` or `$.Labels.x` of the alert itself. */
function collectOperand(operand: Operand, found: Set<string>): void {
  if (operand.kind === 'pipe') collectPipe(operand.pipe, found)
  if (operand.kind === 'chain') collectOperand(operand.of, found)
  if (operand.kind !== 'variable') return
  const path =
    operand.name === '$labels'
      ? operand.path
      : operand.path[0] === 'Labels' && operand.name === '$'
        ? operand.path.slice(1)
        : []
  if (path[0] !== undefined) found.add(path[0])
}
