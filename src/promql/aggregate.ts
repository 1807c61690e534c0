// Aggregations: one element for each group of elements that have the labels of `by` (or all but those of `without`) in
// common; topk and bottomk keep elements instead, and count_values makes one of each value.

import { formatPlain } from './format-value.ts'
import { expectLabelName } from './label-functions.ts'
import { labelsOf, makeSignatures, NO_LABELS, signatureOf, type Labels } from './labels.ts'
import { Mean, quantileOf, Sum } from './sums.ts'
import type { Aggregation } from './syntax.ts'
import { TopValues } from './top-values.ts'
import { evaluationFault, makeVector, push, type Vector } from './vector.ts'

type Reduce = (values: number[], param: number) => number

/** Values of a group in the order of the vector, never empty; they may be put into another order. */
const REDUCTIONS: ReadonlyMap<string, Reduce> = new Map(
  Object.entries({
    sum(values: number[]) {
      const sum = new Sum()
      for (const value of values) sum.add(value)
      return sum.total
    },
    avg(values: number[]) {
      const mean = new Mean()
      for (const value of values) mean.add(value)
      return mean.mean
    },
    count: (values: number[]) => values.length,
    group: () => 1,
    min: (values: number[]) => values.reduce((best, value) => (value < best || Number.isNaN(best) ? value : best)),
    max: (values: number[]) => values.reduce((best, value) => (value > best || Number.isNaN(best) ? value : best)),
    stdvar: varianceOf,
    stddev: (values: number[]) => Math.sqrt(varianceOf(values)),
    quantile: (values: number[], q: number) => quantileOf(q, values),
  }),
)

function varianceOf(values: number[]): number {
  let mean = values[0] as number
  let squares = Number.isFinite(mean) ? 0 : NaN
  for (let at = 1; at < values.length; at += 1) {
    const value = values[at] as number
    const delta = value - mean
    mean += delta / (at + 1)
    squares += delta * (value - mean)
  }
  return squares / values.length
}

interface Plan {
  readonly signature: (labels: Labels) => string
  readonly groupLabels: WeakMap<Labels, Labels> // by the labels of the first element of a group
}

const plans = new WeakMap<Aggregation, Plan>()

function planOf(expr: Aggregation): Plan {
  let plan = plans.get(expr)
  if (plan === undefined) {
    plan = { signature: makeSignatures(!expr.without, expr.labels), groupLabels: new WeakMap() }
    plans.set(expr, plan)
  }
  return plan
}

function groupLabelsOf({ labels, without }: Aggregation, plan: Plan, first: Labels): Labels {
  let made = plan.groupLabels.get(first)
  if (made === undefined) {
    if (without) made = first.without([...labels, '__name__'])
    else made = labels.length === 0 ? NO_LABELS : first.only(labels)
    plan.groupLabels.set(first, made)
  }
  return made
}

export function aggregate(expr: Aggregation, vector: Vector, param: number): Vector {
  const reduce = REDUCTIONS.get(expr.operator)
  if (reduce === undefined) throw new Error(`no aggregation ${expr.operator}`)
  const plan = planOf(expr)
  const groups = new Map<string, { first: Labels; marked: boolean; values: number[] }>()
  for (let at = 0; at < vector.labels.length; at += 1) {
    const labels = vector.labels[at] as Labels
    const value = vector.values[at] as number
    const signature = plan.signature(labels)
    const group = groups.get(signature)
    if (group === undefined) groups.set(signature, { first: labels, marked: labels.dropsName, values: [value] })
    else {
      group.values.push(value)
      group.marked ||= labels.dropsName
    }
  }
  const result = makeVector(expr.labels.includes('__name__'))
  for (const { first, marked, values } of groups.values()) {
    const labels = groupLabelsOf(expr, plan, first)
    push(result, marked ? labels.marking(true) : labels, reduce(values, param))
  }
  return result
}

/** topk and bottomk: elements as they are, of each group the `k` largest or smallest, in that order. */
export function aggregateTop(expr: Aggregation, vector: Vector, param: number): Vector {
  const result = makeVector(vector.differByName)
  if (param < 1) return result
  if (Number.isNaN(param)) throw evaluationFault('Parameter value is NaN')
  if (Math.abs(param) >= 2 ** 63)
    throw evaluationFault(`Scalar value ${param} ${param > 0 ? 'over' : 'under'}flows int64`)
  const k = Math.min(Math.trunc(param), vector.labels.length)
  const plan = planOf(expr)
  const groups = new Map<string, TopValues>()
  for (let at = 0; at < vector.labels.length; at += 1) {
    const signature = plan.signature(vector.labels[at] as Labels)
    let group = groups.get(signature)
    if (group === undefined) {
      group = new TopValues(k, expr.operator === 'topk', vector.values)
      groups.set(signature, group)
    }
    group.offer(at)
  }
  for (const group of groups.values())
    for (const at of group.inOrder()) push(result, vector.labels[at] as Labels, vector.values[at] as number)
  return result
}

/** count_values: how often each value occurs, the value itself in a label. */
export function countValues(expr: Aggregation, vector: Vector, label: string): Vector {
  expectLabelName(label, 'label name')
  const names = expr.without ? expr.labels : [...expr.labels, label]
  const counts = new Map<string, { labels: Labels; count: number }>()
  for (let at = 0; at < vector.labels.length; at += 1) {
    const record = (vector.labels[at] as Labels).toRecord()
    const labels = labelsOf({ ...record, [label]: formatPlain(vector.values[at] as number) })
    const signature = signatureOf(labels, !expr.without, names)
    const group = counts.get(signature)
    if (group === undefined) {
      const kept = expr.without ? labels.without([...names, '__name__']) : labels.only(names)
      counts.set(signature, { labels: kept, count: 1 })
    } else group.count += 1
  }
  const result = makeVector(names.includes('__name__'))
  for (const { labels, count } of counts.values()) push(result, labels, count)
  return result
}
