// One series with its samples as rule tests write it: `up{job="redis"} 1 1x3 0+10x5 _ stale`. One sample for each step:
// `a+bxn` is a and n more that grow by b, `axn` is a and n more like it, `_` is no sample, `stale` is where it ended.

import { Fault } from '../lib/fault.ts'
import { parseNumber } from './literals.ts'
import { parseMetric } from './parse.ts'

export type SequenceValue = number | 'stale' | undefined // undefined: no sample at this step

export interface SeriesNotation {
  readonly labels: Readonly<Record<string, string>> // with `__name__`
  readonly values: readonly SequenceValue[]
}

const NUMBER = String.raw`(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[iI]nf|[nN]a[nN])`
const ITEM = new RegExp(`^(?:(_|stale|[+-]?${NUMBER})(?:x(\\d+))?|([+-]?${NUMBER})([+-]${NUMBER})x(\\d+))$`)

/** Throws a Fault that says which part is wrong. */
export function parseSeries(text: string): SeriesNotation {
  const { labels, end } = parseMetric(text)
  return { labels, values: parseSequence(text.slice(end)) }
}

/** The values alone. */
export function parseSequence(text: string): SequenceValue[] {
  const items = text.split(/\s+/).filter((item) => item !== '')
  return items.flatMap((item) => parseItem(item, text))
}

function parseItem(item: string, text: string): SequenceValue[] {
  if (item.startsWith('{{')) throw wrong(text, `${item} is a native histogram, which is not evaluated here`)
  const found = ITEM.exec(item)
  if (found === null) throw wrong(text, `unexpected ${JSON.stringify(item)}, expected number or "stale"`)
  const [, single, times, first, step, steps] = found
  if (first !== undefined && step !== undefined) {
    const by = parseNumber(step) ?? NaN
    let value = parseNumber(first) ?? NaN
    // Added up step by step and not multiplied, so that rounding goes the same way as in promtool.
    return Array.from({ length: Number(steps) + 1 }, (_none, at) => (at === 0 ? value : (value += by)))
  }
  if (single === '_') return Array.from({ length: Number(times ?? 1) }, () => undefined)
  const value = single === 'stale' ? 'stale' : (parseNumber(single ?? '') ?? NaN)
  return Array.from({ length: Number(times ?? 0) + 1 }, () => value)
}

function wrong(text: string, why: string): Fault {
  return new Fault({ doing: 'reading the values of', target: text.trim(), why, retryable: false })
}
