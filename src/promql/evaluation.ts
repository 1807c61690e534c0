// The value of an expression, moment by moment. Selectors load their series once for all moments (`times`); a subquery is
// an evaluation of its own over the moments that it needs, made once and then looked at through a window.
//
// One moment costs one walk down the tree. What does not change from moment to moment and from one evaluation to the next
// (labels without the name, signatures, the labels of results) is kept with the labels and the expression.

import { aggregate, aggregateTop, countValues } from './aggregate.ts'
import type { Remarks } from './annotations.ts'
import { typeOf } from './check-types.ts'
import { checkQuantile, mapValues, VECTOR_FUNCTIONS, type Arguments } from './functions.ts'
import { labelsOfAbsent } from './label-functions.ts'
import type { Labels } from './labels.ts'
import { combine, combineSets } from './matching.ts'
import { calculate, compare } from './math-functions.ts'
import { RANGE_FUNCTIONS } from './range-functions.ts'
import { loadSeries, positionAt, type Series, type Span } from './series-source.ts'
import { nameOf, type Storage } from './storage.ts'
import {
  COMPARISONS,
  SET_OPERATORS,
  unwrapParens,
  type Aggregation,
  type Binary,
  type Call,
  type Expr,
  type MatrixSelector,
  type Shift,
  type Subquery,
  type VectorSelector,
} from './syntax.ts'
import { evaluationFault, expectDistinct, makeVector, push, type Vector } from './vector.ts'
import { Window } from './window.ts'

export interface Times {
  readonly startMs: number
  readonly endMs: number
  readonly stepMs: number
}

export interface Setting {
  readonly storage: Storage
  readonly lookbackMs: number
  readonly subqueryStepMs: number // of subqueries that say none
  readonly delaysNames: boolean
  readonly remarks: Remarks
  readonly queryStartMs: number // of the whole query: what @ start() and @ end() mean
  readonly queryEndMs: number
}

/** Series and the time of them that a range covers at one moment. */
export interface Ranged {
  readonly series: readonly Series[]
  readonly span: Span
  readonly differByName: boolean
}

// A subquery like [1y:1s] would hold up everything else in this process for minutes.
const MOST_MOMENTS = 100_000

const COUNTER_NAME = /_(?:total|sum|count|bucket)$/

export class Evaluation {
  private readonly setting: Setting
  private readonly times: Times
  private readonly loaded = new Map<Expr, Series[]>()
  private readonly window = new Window()
  private readonly nameless: (labels: Labels) => Labels

  constructor(setting: Setting, times: Times) {
    if ((times.endMs - times.startMs) / times.stepMs > MOST_MOMENTS)
      throw evaluationFault(
        'query processing would load too many samples into memory in query execution',
        `more than ${MOST_MOMENTS} moments are asked for: take a longer step or a shorter range`,
      )
    this.setting = setting
    this.times = times
    this.nameless = setting.delaysNames ? (labels) => labels.marking(true) : (labels) => labels.withoutName()
  }

  scalar(expr: Expr, atMs: number): number {
    switch (expr.kind) {
      case 'number':
        return expr.value
      case 'paren':
        return this.scalar(expr.expr, atMs)
      case 'unary':
        return expr.operator === '-' ? -this.scalar(expr.expr, atMs) : this.scalar(expr.expr, atMs)
      case 'binary':
        return calculate(expr.operator, this.scalar(expr.left, atMs), this.scalar(expr.right, atMs))
      case 'call':
        return this.scalarCall(expr, atMs)
      default:
        throw new Error(`${expr.kind} is no scalar`)
    }
  }

  private scalarCall({ name, args }: Call, atMs: number): number {
    if (name === 'pi') return Math.PI
    if (name === 'time') return atMs / 1000
    const { values } = this.vector(args[0] as Expr, atMs)
    return values.length === 1 ? (values[0] as number) : NaN
  }

  vector(expr: Expr, atMs: number): Vector {
    switch (expr.kind) {
      case 'paren':
        return this.vector(expr.expr, atMs)
      case 'selector':
        return this.select(expr, atMs, false)
      case 'call':
        return this.call(expr, atMs)
      case 'aggregation':
        return this.aggregation(expr, atMs)
      case 'binary':
        return this.binary(expr, atMs)
      case 'unary': {
        const vector = this.vector(expr.expr, atMs)
        return expr.operator === '+' ? vector : this.named(this.mapped(vector, (value) => -value))
      }
      default:
        throw new Error(`${expr.kind} is no instant vector`)
    }
  }

  // ---- selectors -----------------------------------------------------------------------------------------------------

  /** The moment that a selector looks at when the expression is evaluated at `atMs`. */
  private moment({ at, offsetMs }: Shift, atMs: number): number {
    const { queryStartMs, queryEndMs } = this.setting
    const fixed = at === 'start' ? queryStartMs : at === 'end' ? queryEndMs : at
    return (fixed ?? atMs) - (offsetMs ?? 0)
  }

  /** What a selector with a range (or the lookback) may need for any of the moments. */
  private spanOf(shift: Shift, rangeMs: number): Span {
    const { startMs, endMs } = this.times
    return { startMs: this.moment(shift, startMs) - rangeMs, endMs: this.moment(shift, endMs) }
  }

  private seriesOf(expr: Expr, load: () => Series[]): Series[] {
    let series = this.loaded.get(expr)
    if (series === undefined) {
      series = load()
      this.loaded.set(expr, series)
    }
    return series
  }

  private select(selector: VectorSelector, atMs: number, wantsTime: boolean): Vector {
    const { storage, lookbackMs } = this.setting
    const { shift, matchers } = selector
    const onlyLast = this.times.startMs === this.times.endMs || shift.at !== undefined
    const series = this.seriesOf(selector, () =>
      loadSeries(storage, selector, this.spanOf(shift, lookbackMs), onlyLast),
    )
    const momentMs = this.moment(shift, atMs)
    const result = makeVector(nameOf(matchers) === undefined)
    for (const one of series) {
      const at = positionAt(one, momentMs, lookbackMs)
      if (at !== -1)
        push(result, one.labels, wantsTime ? (one.timestamps[at] as number) / 1000 : (one.values[at] as number))
    }
    return result
  }

  /** What `[5m]` covers at a moment: of a selector, or of a subquery. */
  ranged(expr: MatrixSelector | Subquery, atMs: number): Ranged {
    const shift = expr.kind === 'matrix' ? expr.selector.shift : expr.shift
    const endMs = this.moment(shift, atMs)
    const span = { startMs: endMs - expr.rangeMs, endMs }
    if (expr.kind === 'subquery') {
      const series = this.seriesOf(expr, () => this.runSubquery(expr))
      return { series, span, differByName: true }
    }
    const { selector } = expr
    const load = (): Series[] => loadSeries(this.setting.storage, selector, this.spanOf(shift, expr.rangeMs), false)
    return { series: this.seriesOf(expr, load), span, differByName: nameOf(selector.matchers) === undefined }
  }

  private runSubquery({ expr, shift, rangeMs, stepMs = this.setting.subqueryStepMs }: Subquery): Series[] {
    const { startMs, endMs } = this.spanOf(shift, rangeMs)
    // The moments are multiples of the step, whenever the query is made; the first is after the open end.
    const times = { startMs: Math.floor(startMs / stepMs) * stepMs + stepMs, endMs, stepMs }
    return new Evaluation(this.setting, times).series(expr)
  }

  /** All moments of an expression that gives a vector, gathered by series. */
  series(expr: Expr): Series[] {
    const { startMs, endMs, stepMs } = this.times
    const found = new Map<string, { labels: Labels; timestamps: number[]; values: number[]; stale: number[] }>()
    for (let atMs = startMs; atMs <= endMs; atMs += stepMs) {
      const { labels, values } = this.vector(expr, atMs)
      for (let at = 0; at < labels.length; at += 1) {
        const own = labels[at] as Labels
        let series = found.get(own.key)
        if (series === undefined) {
          series = { labels: own, timestamps: [], values: [], stale: [] }
          found.set(own.key, series)
        }
        series.timestamps.push(atMs)
        series.values.push(values[at] as number)
      }
    }
    return [...found.values()]
  }

  // ---- operators -----------------------------------------------------------------------------------------------------

  private binary(expr: Binary, atMs: number): Vector {
    const { left, right, operator } = expr
    if (typeOf(right) === 'scalar') {
      const number = this.scalar(right, atMs)
      return this.withScalar(expr, this.vector(left, atMs), number, false)
    }
    if (typeOf(left) === 'scalar') {
      const number = this.scalar(left, atMs)
      return this.withScalar(expr, this.vector(right, atMs), number, true)
    }
    const [l, r] = [this.vector(left, atMs), this.vector(right, atMs)]
    return SET_OPERATORS.has(operator) ? combineSets(expr, l, r) : combine(expr, l, r, this.setting.delaysNames)
  }

  private withScalar({ operator, bool }: Binary, vector: Vector, number: number, isFirst: boolean): Vector {
    if (COMPARISONS.has(operator)) {
      const holds = (value: number): boolean =>
        isFirst ? compare(operator, number, value) : compare(operator, value, number)
      return bool ? this.named(this.mapped(vector, (value) => Number(holds(value)))) : filter(vector, holds)
    }
    const change = isFirst
      ? (value: number) => calculate(operator, number, value)
      : (value: number) => calculate(operator, value, number)
    return this.named(this.mapped(vector, change))
  }

  private mapped(vector: Vector, change: (value: number) => number): Vector {
    return {
      labels: vector.labels.map(this.nameless),
      values: vector.values.map(change),
      differByName: vector.differByName,
    }
  }

  /** A vector whose names were dropped: still one element for each set of labels, or a Fault. */
  private named(vector: Vector): Vector {
    if (this.setting.delaysNames || !vector.differByName) return vector
    expectDistinct(vector)
    vector.differByName = false
    return vector
  }

  private aggregation(expr: Aggregation, atMs: number): Vector {
    const { operator, param } = expr
    if (operator === 'count_values') {
      const label = param === undefined ? '' : unwrapParens(param)
      return countValues(expr, this.vector(expr.expr, atMs), label !== '' && label.kind === 'string' ? label.value : '')
    }
    const number = param === undefined ? NaN : this.scalar(param, atMs)
    if (operator === 'quantile' && param !== undefined) checkQuantile(number, param.place, this.setting.remarks)
    const vector = this.vector(expr.expr, atMs)
    if (operator === 'topk' || operator === 'bottomk') return aggregateTop(expr, vector, number)
    return aggregate(expr, vector, number)
  }

  // ---- functions -----------------------------------------------------------------------------------------------------

  private call(expr: Call, atMs: number): Vector {
    if (RANGE_FUNCTIONS.has(expr.name)) return this.rangeCall(expr, atMs)
    if (expr.name === 'timestamp') return this.timestamps(expr, atMs)
    if (expr.name === 'absent') {
      const arg = expr.args[0] as Expr
      return this.vector(arg, atMs).labels.length > 0 ? makeVector() : this.absent(arg)
    }
    const run = VECTOR_FUNCTIONS.get(expr.name)
    if (run === undefined) throw new Error(`no function ${expr.name}`)
    const isSorting = expr.name.startsWith('sort') || expr.name.startsWith('label_')
    const result = run(this.argumentsOf(expr, atMs))
    return isSorting ? result : this.named(result)
  }

  private argumentsOf({ args, place }: Call, atMs: number): Arguments {
    const scalars: number[] = []
    const strings: string[] = []
    let vector: Vector | undefined
    for (const arg of args) {
      const inner = unwrapParens(arg)
      const type = typeOf(inner)
      if (inner.kind === 'string') strings.push(inner.value)
      else if (type === 'scalar') scalars.push(this.scalar(inner, atMs))
      else vector = this.vector(inner, atMs)
    }
    const { remarks, delaysNames, queryStartMs, queryEndMs } = this.setting
    const isRangeQuery = queryStartMs !== queryEndMs
    const places = args.map((arg) => arg.place)
    const { nameless } = this
    return { vector, scalars, strings, evalMs: atMs, isRangeQuery, remarks, places, place, delaysNames, nameless }
  }

  private timestamps(expr: Call, atMs: number): Vector {
    const arg = unwrapParens(expr.args[0] as Expr)
    if (arg.kind !== 'selector') return this.named(this.mapped(this.vector(arg, atMs), () => atMs / 1000))
    // Only of a selector is the time of the sample known; all else is made at the moment of evaluation.
    const args = { ...this.argumentsOf({ ...expr, args: [] }, atMs), vector: this.select(arg, atMs, true) }
    return this.named(mapValues(args, (seconds) => seconds))
  }

  private absent(arg: Expr): Vector {
    const labels = labelsOfAbsent(arg)
    return { labels: [labels], values: [1], differByName: false }
  }

  private rangeCall(expr: Call, atMs: number): Vector {
    const { name, args } = expr
    const range = args.map(unwrapParens).find((arg) => arg.kind === 'matrix' || arg.kind === 'subquery')
    const { of, keepsName } = RANGE_FUNCTIONS.get(name) ?? {}
    if (range === undefined || of === undefined) throw new Error(`${name} without a range`)
    const number = args.find((arg) => typeOf(arg) === 'scalar')
    const param = number === undefined ? NaN : this.scalar(number, atMs)
    const { series, span, differByName } = this.ranged(range, atMs)
    const result = makeVector(differByName)
    const { window } = this
    window.evalMs = atMs
    window.rangeMs = range.rangeMs
    for (const { labels, timestamps, values } of series) {
      window.timestamps = timestamps
      window.values = values
      window.moveTo(span.startMs, span.endMs)
      const value = window.end === window.first ? undefined : of(window, param)
      if (value !== undefined) push(result, keepsName === true ? labels : this.nameless(labels), value)
    }
    if (name === 'absent_over_time') return result.labels.length > 0 ? makeVector() : this.absent(range)
    this.remarkOn(expr, series, result, param)
    return keepsName === true ? result : this.named(result)
  }

  private remarkOn({ name, args }: Call, series: readonly Series[], result: Vector, param: number): void {
    const place = (args[0] as Expr).place
    const { remarks } = this.setting
    if (result.labels.length === 0) return
    if (name === 'quantile_over_time') checkQuantile(param, place, remarks)
    if (name !== 'rate' && name !== 'increase') return
    let last = ''
    for (const { labels } of series) {
      const metric = labels.get('__name__')
      if (metric === last) continue
      last = metric
      if (metric === '' || COUNTER_NAME.test(metric)) continue
      const why = 'metric might not be a counter, name does not end in _total/_sum/_count/_bucket:'
      remarks.inform(place, `${why} ${JSON.stringify(metric)}`)
    }
  }
}

function filter(vector: Vector, holds: (value: number) => boolean): Vector {
  const result = makeVector(vector.differByName)
  for (let at = 0; at < vector.labels.length; at += 1)
    if (holds(vector.values[at] as number)) push(result, vector.labels[at] as Labels, vector.values[at] as number)
  return result
}
