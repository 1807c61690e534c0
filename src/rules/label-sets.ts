// Which labels the series of a result can have, as far as the expression tells: aggregation and matching take labels
// away, and a text that names one of those is empty where it matters.

import { typeOf } from '../promql/check-types.ts'
import {
  SET_OPERATORS,
  unwrapParens,
  type Aggregation,
  type Binary,
  type Call,
  type Expr,
  type VectorSelector,
} from '../promql/syntax.ts'

/** `only`: these and no others. `but`: any that the samples have, without these. */
export type LabelSet = { readonly only: ReadonlySet<string> } | { readonly but: ReadonlySet<string> }

const NONE: LabelSet = { only: new Set() }
const ANY: LabelSet = { but: new Set() }

export function mayHave(set: LabelSet, label: string): boolean {
  return 'only' in set ? set.only.has(label) : !set.but.has(label)
}

export function labelSetOf(expr: Expr): LabelSet {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return NONE
    case 'selector':
      return ofSelector(expr)
    case 'matrix':
      return ofSelector(expr.selector)
    case 'paren':
    case 'unary':
    case 'subquery':
      return labelSetOf(expr.expr)
    case 'aggregation':
      return ofAggregation(expr)
    case 'call':
      return ofCall(expr)
    case 'binary':
      return ofBinary(expr)
  }
}

/** `{cluster=""}` finds series without that label. */
function ofSelector({ matchers }: VectorSelector): LabelSet {
  return without(
    ANY,
    matchers.filter(({ operator, value }) => operator === '=' && value === '').map(({ label }) => label),
  )
}

function ofAggregation({ operator, param, expr, labels, without: leavesOut }: Aggregation): LabelSet {
  const inner = labelSetOf(expr)
  if (['topk', 'bottomk', 'limitk'].includes(operator)) return inner
  const kept = leavesOut ? without(inner, labels) : only(labels.filter((label) => mayHave(inner, label)))
  const added = param === undefined ? undefined : unwrapParens(param)
  return operator === 'count_values' && added?.kind === 'string' ? withAlso(kept, [added.value]) : kept
}

function ofCall({ name, args }: Call): LabelSet {
  const [first] = args
  if (['vector', 'time', 'pi', 'scalar'].includes(name) || first === undefined) return NONE
  if (name === 'absent' || name === 'absent_over_time') return ofAbsent(first)
  const vector = args.find((arg) => !['number', 'string'].includes(unwrapParens(arg).kind)) ?? first
  const inner = labelSetOf(vector)
  if (name === 'histogram_quantile') return without(inner, ['le'])
  if (name !== 'label_replace' && name !== 'label_join') return inner
  const target = args[1] === undefined ? undefined : unwrapParens(args[1])
  return target?.kind === 'string' ? withAlso(inner, [target.value]) : inner
}

function ofAbsent(expr: Expr): LabelSet {
  const inner = unwrapParens(expr)
  const selector = inner.kind === 'matrix' ? inner.selector : inner
  if (selector.kind !== 'selector') return NONE
  const given = selector.matchers.filter(({ label, operator }) => operator === '=' && label !== '__name__')
  return only(given.map(({ label }) => label))
}

function ofBinary({ operator, left, right, matching }: Binary): LabelSet {
  if (typeOf(right) === 'scalar') return labelSetOf(left)
  if (typeOf(left) === 'scalar') return labelSetOf(right)
  if (operator === 'or') return either(labelSetOf(left), labelSetOf(right))
  if (SET_OPERATORS.has(operator)) return labelSetOf(left)
  if (matching.group !== undefined)
    return withAlso(labelSetOf(matching.group === 'left' ? left : right), matching.include)
  const [a, b] = [labelSetOf(left), labelSetOf(right)]
  if (matching.on) return only(matching.labels.filter((label) => mayHave(a, label)))
  // Without `on`, both sides have to have the same labels: what one cannot have, the result does not have.
  return without('only' in a || !('only' in b) ? both(a, b) : b, matching.labels)
}

function only(labels: readonly string[]): LabelSet {
  return { only: new Set(labels) }
}

function without(set: LabelSet, labels: readonly string[]): LabelSet {
  if ('but' in set) return { but: new Set([...set.but, ...labels]) }
  return only([...set.only].filter((label) => !labels.includes(label)))
}

function withAlso(set: LabelSet, labels: readonly string[]): LabelSet {
  if ('only' in set) return only([...set.only, ...labels])
  return { but: new Set([...set.but].filter((label) => !labels.includes(label))) }
}

function both(a: LabelSet, b: LabelSet): LabelSet {
  if ('only' in a) return only([...a.only].filter((label) => mayHave(b, label)))
  return 'only' in b ? both(b, a) : { but: new Set([...a.but, ...b.but]) }
}

function either(a: LabelSet, b: LabelSet): LabelSet {
  if ('only' in a && 'only' in b) return only([...a.only, ...b.only])
  const missing = 'but' in a ? [...a.but] : 'but' in b ? [...b.but] : []
  return { but: new Set(missing.filter((label) => !mayHave(a, label) && !mayHave(b, label))) }
}
