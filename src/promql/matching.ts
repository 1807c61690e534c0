// Operators between two vectors. Elements belong together when the labels that count (`on`, or all but `ignoring` and the
// name) are equal; that text is their signature. On one side a signature may stand only once; group_left and group_right
// say which side may have many.
//
// What is worked out for a pair of label sets is kept with the expression, since a rule meets the same ones every time.

import { labelsOf, makeSignatures, type Labels } from './labels.ts'
import { calculate, compare } from './math-functions.ts'
import { COMPARISONS, type Binary } from './syntax.ts'
import { evaluationFault, expectDistinct, makeVector, push, type Vector } from './vector.ts'

interface Plan {
  readonly signature: (labels: Labels) => string
  readonly results: WeakMap<Labels, { one: Labels; result: Labels }> // by the labels of the side that may have many
}

const plans = new WeakMap<Binary, Plan>()

function planOf(expr: Binary): Plan {
  let plan = plans.get(expr)
  if (plan === undefined) {
    plan = { signature: makeSignatures(expr.matching.on, expr.matching.labels), results: new WeakMap() }
    plans.set(expr, plan)
  }
  return plan
}

/** `and`, `or`, `unless`. */
export function combineSets(expr: Binary, left: Vector, right: Vector): Vector {
  const { signature } = planOf(expr)
  if (expr.operator === 'or') return union(left, right, signature)
  const kept = makeVector(left.differByName)
  const wanted = expr.operator === 'and'
  if (wanted && right.labels.length === 0) return kept
  const present = new Set(right.labels.map(signature))
  for (let at = 0; at < left.labels.length; at += 1) {
    const labels = left.labels[at] as Labels
    if (present.has(signature(labels)) === wanted) push(kept, labels, left.values[at] as number)
  }
  return kept
}

function union(left: Vector, right: Vector, signature: (labels: Labels) => string): Vector {
  if (right.labels.length === 0) return left
  if (left.labels.length === 0) return right
  const all: Vector = { labels: [...left.labels], values: [...left.values], differByName: true }
  const present = new Set(left.labels.map(signature))
  for (let at = 0; at < right.labels.length; at += 1) {
    const labels = right.labels[at] as Labels
    if (!present.has(signature(labels))) push(all, labels, right.values[at] as number)
  }
  return expectDistinct(all)
}

/** Arithmetic and comparison. `delaysNames`: names are only marked to be dropped. */
export function combine(expr: Binary, left: Vector, right: Vector, delaysNames: boolean): Vector {
  const { operator, bool, matching } = expr
  const isSwapped = matching.group === 'right'
  const [many, one] = isSwapped ? [right, left] : [left, right]
  const isComparison = COMPARISONS.has(operator)
  const result = makeVector(isComparison && !bool && many.differByName)
  if (many.labels.length === 0 || one.labels.length === 0) return result
  const plan = planOf(expr)
  const places = placesOf(one, expr, plan.signature)
  const matches = new Matches(expr, many, one)
  for (let at = 0; at < many.labels.length; at += 1) {
    const labels = many.labels[at] as Labels
    const other = places.get(plan.signature(labels))
    if (other === undefined) continue
    const own = many.values[at] as number
    const others = one.values[other] as number
    const left = isSwapped ? others : own
    const right = isSwapped ? own : others
    const keeps = !isComparison || compare(operator, left, right)
    const made = resultLabels(expr, plan, labels, one.labels[other] as Labels, delaysNames)
    matches.add(other, made)
    if (!keeps && !bool) continue
    push(result, made, bool ? Number(keeps) : isComparison ? left : calculate(operator, left, right))
  }
  return matches.mayCollide && !delaysNames ? expectDistinct(result) : result
}

/** What has been matched so far: an element of the one side once, or several times with different labels. */
class Matches {
  readonly mayCollide: boolean // results may have the same labels although the many side has not
  private readonly expr: Binary
  private readonly taken: Uint8Array // by place on the one side
  private readonly made = new Set<string>()

  constructor(expr: Binary, many: Vector, one: Vector) {
    const { group, include } = expr.matching
    this.expr = expr
    this.mayCollide = group !== undefined && (include.length > 0 || many.differByName)
    this.taken = new Uint8Array(one.labels.length)
  }

  add(place: number, result: Labels): void {
    if (this.expr.matching.group === undefined) {
      if (this.taken[place] === 1) throw multipleMatches(this.expr)
      this.taken[place] = 1
    } else if (this.mayCollide) {
      const id = `${place} ${result.key}`
      if (this.made.has(id)) throw multipleMatches(this.expr)
      this.made.add(id)
    }
  }
}

function multipleMatches({ matching }: Binary): Error {
  return matching.group === undefined
    ? evaluationFault(
        'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
        'several elements of the left side have the same labels to match by',
      )
    : evaluationFault('multiple matches for labels: grouping labels must ensure unique matches')
}

/** Where each signature stands on the side that has one. */
function placesOf(one: Vector, expr: Binary, signature: (labels: Labels) => string): Map<string, number> {
  const places = new Map<string, number>()
  for (let at = 0; at < one.labels.length; at += 1) {
    const labels = one.labels[at] as Labels
    const text = signature(labels)
    const before = places.get(text)
    if (before !== undefined) throw duplicateSeries(expr, labels, one.labels[before] as Labels)
    places.set(text, at)
  }
  return places
}

function duplicateSeries({ matching }: Binary, a: Labels, b: Labels): Error {
  const group = matching.on ? a.only(matching.labels) : a.without([...matching.labels, '__name__'])
  const side = matching.group === 'right' ? 'left' : 'right'
  const series = [a, b].map((labels) => labels.toString(false)).toSorted()
  return evaluationFault(
    `found duplicate series for the match group ${group.toString(false)} on the ${side} hand-side of the operation: ` +
      `[${series.join(', ')}];many-to-many matching not allowed: matching labels must be unique on one side`,
    'aggregate that side, or add the labels that tell its series apart to on()',
  )
}

function resultLabels(expr: Binary, plan: Plan, many: Labels, one: Labels, delaysNames: boolean): Labels {
  const known = plan.results.get(many)
  if (known !== undefined && known.one === one) return known.result
  const result = makeResultLabels(expr, many, one, delaysNames)
  plan.results.set(many, { one, result })
  return result
}

function makeResultLabels(
  { operator, bool, matching }: Binary,
  many: Labels,
  one: Labels,
  delaysNames: boolean,
): Labels {
  const dropsName = !COMPARISONS.has(operator) || (bool && !delaysNames)
  let labels = dropsName ? many.withoutName() : many
  if (matching.group === undefined && matching.on) labels = labels.only(matching.labels)
  else if (matching.group === undefined && matching.labels.length > 0) labels = labels.without(matching.labels)
  if (matching.include.length > 0) {
    const taken = Object.fromEntries(matching.include.map((name) => [name, one.get(name)]))
    labels = labelsOf({ ...labels.toRecord(), ...taken })
  }
  return labels.marking(bool && delaysNames)
}
