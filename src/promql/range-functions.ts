// Functions of a range: one number made of the samples of one series in a window, or undefined where they are too few.

import { extrapolatedChange, lastChange } from './rates.ts'
import { Mean, quantileOf, Sum } from './sums.ts'
import type { Window } from './window.ts'

export interface RangeFunction {
  readonly of: (window: Window, param: number) => number | undefined // a window has at least one sample
  readonly keepsName?: true // acts as `offset` does: gives a sample and no new thing
}

export const RANGE_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map(
  Object.entries({
    rate: { of: (window) => extrapolatedChange(window, { isCounter: true, perSecond: true }) },
    increase: { of: (window) => extrapolatedChange(window, { isCounter: true, perSecond: false }) },
    delta: { of: (window) => extrapolatedChange(window, { isCounter: false, perSecond: false }) },
    irate: { of: (window) => lastChange(window, { isCounter: true, perSecond: true }) },
    idelta: { of: (window) => lastChange(window, { isCounter: false, perSecond: false }) },
    avg_over_time: { of: meanOf },
    sum_over_time: { of: sumOf },
    count_over_time: { of: (window) => window.count },
    present_over_time: { of: () => 1 },
    absent_over_time: { of: () => 1 }, // the evaluation turns it round: it speaks of all series together
    min_over_time: { of: (window) => pick(window, (value, best) => value < best) },
    max_over_time: { of: (window) => pick(window, (value, best) => value > best) },
    first_over_time: { of: (window) => window.value(window.first), keepsName: true },
    last_over_time: { of: (window) => window.value(window.end - 1), keepsName: true },
    stdvar_over_time: { of: varianceOf },
    stddev_over_time: { of: (window) => Math.sqrt(varianceOf(window)) },
    quantile_over_time: { of: (window, q) => quantileOf(q, valuesOf(window)) },
    changes: { of: (window) => countSteps(window, (before, now) => now !== before && !(isNaN(now) && isNaN(before))) },
    resets: { of: (window) => countSteps(window, (before, now) => now < before) },
    deriv: { of: (window) => lineThrough(window, window.time(window.first))?.slope },
    predict_linear: {
      of(window, seconds) {
        const line = lineThrough(window, window.evalMs)
        return line === undefined ? undefined : line.slope * seconds + line.intercept
      },
    },
  } satisfies Record<string, RangeFunction>),
)

const isNaN = Number.isNaN

function valuesOf({ values, first, end }: Window): number[] {
  const list: number[] = []
  for (let at = first; at < end; at += 1) list.push(values[at] as number)
  return list
}

function sumOf({ values, first, end }: Window): number {
  const sum = new Sum()
  for (let at = first; at < end; at += 1) sum.add(values[at] as number)
  return sum.total
}

function meanOf({ values, first, end }: Window): number {
  const mean = new Mean()
  for (let at = first; at < end; at += 1) mean.add(values[at] as number)
  return mean.mean
}

/** The value that beats all others; NaN only where there is nothing else. */
function pick({ values, first, end }: Window, beats: (value: number, best: number) => boolean): number {
  let best = values[first] as number
  for (let at = first + 1; at < end; at += 1) {
    const value = values[at] as number
    if (beats(value, best) || isNaN(best)) best = value
  }
  return best
}

function countSteps({ values, first, end }: Window, counts: (before: number, now: number) => boolean): number {
  let count = 0
  for (let at = first + 1; at < end; at += 1) if (counts(values[at - 1] as number, values[at] as number)) count += 1
  return count
}

function varianceOf({ values, first, end }: Window): number {
  const mean = new Sum()
  const squares = new Sum()
  for (let at = first; at < end; at += 1) {
    const value = values[at] as number
    const delta = value - (mean.value + mean.lost)
    mean.add(delta / (at - first + 1))
    squares.add(delta * (value - (mean.value + mean.lost)))
  }
  return (squares.value + squares.lost) / (end - first)
}

/** The line that fits best (least squares); `intercept` is its value at `atMs`. */
function lineThrough(window: Window, atMs: number): { slope: number; intercept: number } | undefined {
  const { values, timestamps, first, end, count } = window
  if (count < 2) return undefined
  const [sumX, sumY, sumXY, sumXX] = [new Sum(), new Sum(), new Sum(), new Sum()]
  const firstValue = window.value(first)
  let isFlat = true
  for (let at = first; at < end; at += 1) {
    const x = ((timestamps[at] as number) - atMs) / 1000
    const y = values[at] as number
    isFlat &&= y === firstValue || at === first
    sumX.add(x)
    sumY.add(y)
    sumXY.add(x * y)
    sumXX.add(x * x)
  }
  if (isFlat) {
    const isInfinite = firstValue === Infinity || firstValue === -Infinity
    return isInfinite ? { slope: NaN, intercept: NaN } : { slope: 0, intercept: firstValue }
  }
  const [x, y] = [sumX.value + sumX.lost, sumY.value + sumY.lost]
  const covariance = sumXY.value + sumXY.lost - (x * y) / count
  const variance = sumXX.value + sumXX.lost - (x * x) / count
  const slope = covariance / variance
  return { slope, intercept: y / count - (slope * x) / count }
}
