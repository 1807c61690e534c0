// The way in: an expression asked at one moment, or over a range of moments. Rules, the API and the tests use this.

import { Remarks, type Annotations } from './annotations.ts'
import { typeOf } from './check-types.ts'
import { Evaluation, type Setting, type Times } from './evaluation.ts'
import { compareLabels, type LabelRecord, type Labels } from './labels.ts'
import { parse } from './parse.ts'
import type { Series } from './series-source.ts'
import type { Storage } from './storage.ts'
import { unwrapParens, type Expr } from './syntax.ts'
import { evaluationFault, expectDistinct, SAME_LABELS, type Vector } from './vector.ts'

const LOOKBACK_MS = 5 * 60_000

export interface Query {
  readonly text: string // shown in remarks
  readonly expr: Expr
}

export interface QueryOptions {
  readonly storage: Storage
  readonly lookbackMs?: number
  readonly subqueryStepMs?: number // of subqueries without a step: the evaluation interval, a minute by default
  readonly delaysNames?: boolean // names are dropped at the end only; Prometheus' flag promql-delayed-name-removal
}

export interface Sample {
  readonly labels: LabelRecord
  readonly value: number
}

export interface SampleRange {
  readonly labels: LabelRecord
  readonly timestamps: ArrayLike<number>
  readonly values: ArrayLike<number>
}

export type QueryResult = Annotations &
  (
    | { readonly type: 'scalar'; readonly value: number }
    | { readonly type: 'string'; readonly value: string }
    | { readonly type: 'vector'; readonly samples: readonly Sample[] }
    | { readonly type: 'matrix'; readonly series: readonly SampleRange[] }
  )

/** An expression parsed and checked, to be asked as often as one likes. Throws a Fault. */
export function makeQuery(text: string): Query {
  return { text, expr: parse(text) }
}

function settingOf(query: Query, options: QueryOptions, startMs: number, endMs: number): Setting {
  const { storage, lookbackMs = LOOKBACK_MS, subqueryStepMs = 60_000, delaysNames = false } = options
  const remarks = new Remarks(query.text)
  return { storage, lookbackMs, subqueryStepMs, delaysNames, remarks, queryStartMs: startMs, queryEndMs: endMs }
}

/** What the expression gives at one moment. Throws a Fault when the data does not allow an answer. */
export function askAt(query: Query, atMs: number, options: QueryOptions): QueryResult {
  const setting = settingOf(query, options, atMs, atMs)
  const evaluation = new Evaluation(setting, { startMs: atMs, endMs: atMs, stepMs: 1 })
  const expr = unwrapParens(query.expr)
  const result = answerAt(evaluation, expr, atMs)
  return { ...result, ...setting.remarks.toAnnotations() }
}

type Bare<T> = T extends Annotations ? Omit<T, keyof Annotations> : never

function answerAt(evaluation: Evaluation, expr: Expr, atMs: number): Bare<QueryResult> {
  if (expr.kind === 'string') return { type: 'string', value: expr.value }
  switch (typeOf(expr)) {
    case 'scalar':
      return { type: 'scalar', value: evaluation.scalar(expr, atMs) }
    case 'range vector':
      if (expr.kind !== 'matrix' && expr.kind !== 'subquery') throw new Error(`${expr.kind} is no range`)
      return { type: 'matrix', series: cutRanges(evaluation.ranged(expr, atMs)) }
    default: {
      const { labels, values } = settle(evaluation.vector(expr, atMs))
      return {
        type: 'vector',
        samples: labels.map((own, at) => ({ labels: own.toRecord(), value: values[at] ?? NaN })),
      }
    }
  }
}

/** Names that are only marked are dropped now. */
function settle(vector: Vector): Vector {
  if (!vector.labels.some((labels) => labels.dropsName)) return vector
  return expectDistinct({ ...vector, labels: vector.labels.map((own) => (own.dropsName ? own.withoutName() : own)) })
}

function cutRanges({ series, span }: ReturnType<Evaluation['ranged']>): SampleRange[] {
  const cut = series.map(({ labels, timestamps, values }) => {
    const times = Array.from(timestamps)
    const kept = times.map((ms, at) => [ms, values[at] ?? NaN] as const)
    const within = kept.filter(([ms]) => ms > span.startMs && ms <= span.endMs)
    return { labels: labels.dropsName ? labels.withoutName() : labels, within }
  })
  return cut
    .filter(({ within }) => within.length > 0)
    .toSorted((a, b) => compareLabels(a.labels, b.labels))
    .map(({ labels, within }) => ({
      labels: labels.toRecord(),
      timestamps: within.map(([ms]) => ms),
      values: within.map(([, value]) => value),
    }))
}

/** Why the expression cannot be asked over a range, whatever the samples are. */
export function rangeMistake({ expr }: Query): string | undefined {
  const type = typeOf(expr)
  if (type === 'scalar' || type === 'instant vector') return undefined
  return `invalid expression type "${type}" for range query, must be Scalar or instant Vector`
}

/** What the expression gives from `startMs` to `endMs`, both included, every `stepMs`. */
export function askRange(query: Query, times: Times, options: QueryOptions): QueryResult {
  const setting = settingOf(query, options, times.startMs, times.endMs)
  const mistake = rangeMistake(query)
  if (mistake !== undefined) throw evaluationFault(mistake)
  const evaluation = new Evaluation(setting, times)
  const series =
    typeOf(query.expr) === 'scalar'
      ? [scalarSeries(evaluation, query.expr, times)]
      : merge(evaluation.series(query.expr))
  return { type: 'matrix', series, ...setting.remarks.toAnnotations() }
}

function scalarSeries(evaluation: Evaluation, expr: Expr, { startMs, endMs, stepMs }: Times): SampleRange {
  const timestamps: number[] = []
  for (let ms = startMs; ms <= endMs; ms += stepMs) timestamps.push(ms)
  return { labels: {}, timestamps, values: timestamps.map((ms) => evaluation.scalar(expr, ms)) }
}

/** Series that are the same once their names are dropped become one, if they never meet. */
function merge(series: readonly Series[]): SampleRange[] {
  const merged = new Map<string, { labels: Labels; points: (readonly [number, number])[] }>()
  for (const { labels, timestamps, values } of series) {
    const own = labels.dropsName ? labels.withoutName() : labels
    const points = Array.from(timestamps, (ms, at) => [ms, values[at] ?? NaN] as const)
    const known = merged.get(own.key)
    if (known === undefined) merged.set(own.key, { labels: own, points })
    else known.points.push(...points)
  }
  return [...merged.values()]
    .toSorted((a, b) => compareLabels(a.labels, b.labels))
    .map(({ labels, points }) => {
      points.sort(([a], [b]) => a - b)
      if (points.some(([ms], at) => points[at - 1]?.[0] === ms)) throw evaluationFault(SAME_LABELS)
      return {
        labels: labels.toRecord(),
        timestamps: points.map(([ms]) => ms),
        values: points.map(([, value]) => value),
      }
    })
}
