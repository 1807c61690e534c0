// Functions that look at labels and leave values alone: label_replace, label_join, and the labels that absent() gives.

import { labelsOf, NO_LABELS, type Labels } from './labels.ts'
import { compileRegexp } from './regexp.ts'
import { unwrapParens, type Expr } from './syntax.ts'
import { evaluationFault, expectDistinct, makeVector, push, type Vector } from './vector.ts'

/** Sets `target` to `replacement` ($1 is the first group) where the value of `source` matches the whole pattern. */
export function labelReplace(
  vector: Vector,
  [target = '', replacement = '', source = '', pattern = '']: readonly string[],
): Vector {
  const regexp = compileRegexp(pattern)
  if (typeof regexp === 'string')
    throw evaluationFault(`invalid regular expression in label_replace(): ${pattern}`, regexp)
  expectLabelName(target, 'destination label name in label_replace()')
  return relabel(vector, target, (labels) => {
    const found = regexp.exec(labels.get(source))
    return found === null ? undefined : expand(replacement, found)
  })
}

/** `$1`, `${1}`, `${name}` and `$$`, as Go expands them: `$1x` is the group of that name, which there is not. */
function expand(template: string, found: RegExpExecArray): string {
  return template.replaceAll(/\$(?:\$|(\w+)|\{(\w+)\})/g, (all, plain?: string, braced?: string) => {
    if (all === '$$') return '$'
    const name = plain ?? braced ?? ''
    return (/^\d+$/.test(name) ? found[Number(name)] : found.groups?.[name]) ?? ''
  })
}

/** Sets `target` to the values of the sources, joined. */
export function labelJoin(vector: Vector, [target = '', separator = '', ...sources]: readonly string[]): Vector {
  for (const source of sources) expectLabelName(source, 'source label name in label_join()')
  expectLabelName(target, 'destination label name in label_join()')
  return relabel(vector, target, (labels) => sources.map((source) => labels.get(source)).join(separator))
}

/** Any text that is valid UTF-8 may name a label; a byte that is none was read as U+FFFD. */
export function expectLabelName(name: string, what: string): void {
  if (name === '' || name.includes('\uFFFD')) throw evaluationFault(`invalid ${what}: ${name}`)
}

function relabel(vector: Vector, target: string, valueFor: (labels: Labels) => string | undefined): Vector {
  const result = makeVector(true)
  for (let at = 0; at < vector.labels.length; at += 1) {
    const labels = vector.labels[at] as Labels
    const value = valueFor(labels)
    let changed = value === undefined || value === labels.get(target) ? labels : labels.with({ [target]: value })
    // A name that was set on purpose is not dropped at the end.
    if (value !== undefined && target === '__name__') changed = changed.marking(false)
    push(result, changed, vector.values[at] as number)
  }
  return expectDistinct(result)
}

/** What is known of a series that is not there: the labels that its selector asks for with `=`, each once. */
export function labelsOfAbsent(expr: Expr): Labels {
  const inner = unwrapParens(expr)
  const selector = inner.kind === 'matrix' ? inner.selector : inner
  if (selector.kind !== 'selector') return NO_LABELS
  const known: Record<string, string> = {}
  const seen = new Set<string>()
  for (const { label, operator, value } of selector.matchers) {
    if (label === '__name__') continue
    known[label] = operator === '=' && !seen.has(label) ? value : ''
    if (operator === '=') seen.add(label)
  }
  return labelsOf(known)
}
