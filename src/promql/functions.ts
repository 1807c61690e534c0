// Functions of an instant vector, by name. Those of a range are in range-functions.ts; time(), timestamp(), absent() and
// scalar() need more than a vector and are part of the evaluation.

import type { Remarks } from './annotations.ts'
import { formatValue } from './format-value.ts'
import { histogramFraction, histogramQuantile } from './histogram-functions.ts'
import { labelJoin, labelReplace } from './label-functions.ts'
import { NO_LABELS, type Labels } from './labels.ts'
import { clamp, DATE_FUNCTIONS, NUMBER_FUNCTIONS, roundTo } from './math-functions.ts'
import type { Place } from './syntax.ts'
import { makeVector, push, type Vector } from './vector.ts'

/** The arguments of a call, sorted by their types: no function takes two vectors. */
export interface Arguments {
  readonly vector: Vector | undefined // undefined: left out
  readonly scalars: readonly number[]
  readonly strings: readonly string[]
  readonly evalMs: number
  readonly isRangeQuery: boolean
  readonly remarks: Remarks
  readonly places: readonly Place[] // of the arguments, in the order written
  readonly place: Place // of the call
  readonly delaysNames: boolean
  readonly nameless: (labels: Labels) => Labels
}

type VectorFunction = (args: Arguments) => Vector

/** The same elements without their name, with other values. */
export function mapValues({ vector, nameless }: Arguments, change: (value: number) => number): Vector {
  const result = makeVector(vector?.differByName)
  if (vector === undefined) return result
  for (let at = 0; at < vector.labels.length; at += 1)
    push(result, nameless(vector.labels[at] as Labels), change(vector.values[at] as number))
  return result
}

function clamped(args: Arguments, least: number, most: number): Vector {
  return most < least ? makeVector() : mapValues(args, (value) => clamp(value, least, most))
}

function dateOf(args: Arguments, part: (date: Date) => number): Vector {
  // Without an argument: of the moment evaluated, cut to the second.
  const now = { labels: [NO_LABELS], values: [Math.trunc(args.evalMs / 1000)], differByName: false }
  return mapValues({ ...args, vector: args.vector ?? now }, (seconds) => {
    const date = new Date(Math.trunc(seconds) * 1000)
    return part(date)
  })
}

function sorted({ vector, isRangeQuery, remarks, place }: Arguments, isDescending: boolean): Vector {
  const from = vector ?? makeVector()
  if (isRangeQuery)
    remarks.warn(place, 'sort is ineffective for range queries since results are always ordered by labels')
  const value = (at: number): number => from.values[at] as number
  const order = from.values.map((_value, at) => at)
  order.sort((a, b) => {
    // NaN comes last in either direction.
    if (Number.isNaN(value(a)) || Number.isNaN(value(b)))
      return Number(Number.isNaN(value(a))) - Number(Number.isNaN(value(b)))
    return isDescending ? value(b) - value(a) : value(a) - value(b)
  })
  const result = makeVector(from.differByName)
  for (const at of order) push(result, from.labels[at] as Labels, value(at))
  return result
}

/** A remark when a quantile is none. */
export function checkQuantile(q: number, place: Place, remarks: Remarks): void {
  if (q >= 0 && q <= 1) return
  remarks.warn(place, `quantile value should be between 0 and 1, got ${formatValue(q)}`)
}

const OWN: Readonly<Record<string, VectorFunction>> = {
  clamp: (args) => clamped(args, args.scalars[0] ?? NaN, args.scalars[1] ?? NaN),
  clamp_min: (args) => clamped(args, args.scalars[0] ?? NaN, Infinity),
  clamp_max: (args) => clamped(args, -Infinity, args.scalars[0] ?? NaN),
  round: (args) => mapValues(args, (value) => roundTo(value, args.scalars[0] ?? 1)),
  sort: (args) => sorted(args, false),
  sort_desc: (args) => sorted(args, true),
  label_replace: ({ vector, strings }) => labelReplace(vector ?? makeVector(), strings),
  label_join: ({ vector, strings }) => labelJoin(vector ?? makeVector(), strings),
  vector: ({ scalars }) => ({ labels: [NO_LABELS], values: [scalars[0] ?? NaN], differByName: false }),
  histogram_quantile(args) {
    const q = args.scalars[0] ?? NaN
    const [qPlace = args.place, place = args.place] = args.places
    checkQuantile(q, qPlace, args.remarks)
    return histogramQuantile(q, args.vector ?? makeVector(), { ...args, place })
  },
  histogram_fraction(args) {
    const [lower = NaN, upper = NaN] = args.scalars
    return histogramFraction(lower, upper, args.vector ?? makeVector(), {
      ...args,
      place: args.places[2] ?? args.place,
    })
  },
}

export const VECTOR_FUNCTIONS: ReadonlyMap<string, VectorFunction> = new Map<string, VectorFunction>([
  ...[...NUMBER_FUNCTIONS].map(([name, change]) => [name, (args: Arguments) => mapValues(args, change)] as const),
  ...[...DATE_FUNCTIONS].map(([name, part]) => [name, (args: Arguments) => dateOf(args, part)] as const),
  ...Object.entries(OWN),
])
