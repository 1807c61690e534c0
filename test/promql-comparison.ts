// Our answers beside promtool's, for random expressions over random series.

import { Fault } from '../src/lib/fault.ts'
import { parseDurationMs } from '../src/promql/literals.ts'
import { askAt, makeQuery } from '../src/promql/query.ts'
import { LoadedStorage } from './loaded-storage.ts'
import { Random, randomExpression, randomSeries, STEP_MS } from './promql-random.ts'
import { askPromtool, labelKey, type PromtoolAnswer } from './promtool-answers.ts'

/** Where the two may differ. Such an answer is counted and not compared. */
function isKnownDifference(expr: string, ours: PromtoolAnswer, theirs: PromtoolAnswer): boolean {
  // 3.x refuses several matches even where the comparison would filter all but one out.
  if (ours.error?.startsWith('multiple matches') === true && theirs.error === undefined) return true
  // In 3.x a number may stand for a duration.
  if (ours.error === undefined && theirs.error?.includes('expected duration') === true) return true
  // timestamp() of a selector with @ loses its offset in Prometheus (2.42 to 3.14 at least).
  if (/timestamp\([^()[\]]*(?: offset \S+ @| @ \S+ offset)/.test(expr)) return true
  // The deviation of one infinite value is NaN in 3.x and 0 in 2.x, and everything made of it differs.
  return /stddev|stdvar/.test(expr) && [...ours.samples.values()].some(Number.isNaN)
}

export interface Comparison {
  readonly asked: number
  readonly undecided: number // known differences
  readonly values: number // compared
  readonly refused: number // by both
  readonly differences: readonly string[]
}

const EVAL_TIMES = ['41m7s', '30m1s', '50m53s', '12m37s']

export function compareWithPromtool(seed: number, count: number): Comparison {
  const random = new Random(seed)
  const series = randomSeries(random)
  const storage = new LoadedStorage()
  storage.load(series, STEP_MS)
  const differences: string[] = []
  let [values, refused, undecided] = [0, 0, 0]
  for (const evalTime of EVAL_TIMES) {
    const expressions = Array.from({ length: Math.ceil(count / EVAL_TIMES.length) }, () => randomExpression(random))
    const answers = askPromtool({ series, stepMs: STEP_MS, evalTime, expressions })
    for (const [index, theirs] of answers.entries()) {
      const expr = expressions[index] ?? ''
      const ours = askOurselves(expr, evalTime, storage)
      const difference = differenceOf(ours, theirs)
      if (difference !== undefined && isKnownDifference(expr, ours, theirs)) undecided += 1
      else if (difference !== undefined) differences.push(`seed ${seed} at ${evalTime}: ${expr}\n  ${difference}`)
      if (theirs.error !== undefined) refused += 1
      values += theirs.samples.size
    }
  }
  return { asked: count, undecided, values, refused, differences }
}

function askOurselves(expr: string, evalTime: string, storage: LoadedStorage): PromtoolAnswer {
  try {
    const result = askAt(makeQuery(expr), parseDurationMs(evalTime) ?? NaN, { storage })
    if (result.type === 'scalar') return { error: undefined, samples: new Map([['{}', result.value]]) }
    if (result.type !== 'vector') return { error: `${result.type} is no vector`, samples: new Map() }
    const samples = new Map(result.samples.map(({ labels, value }) => [labelKey(labels), value]))
    return { error: undefined, samples }
  } catch (thrown) {
    if (thrown instanceof Fault) return { error: thrown.why, samples: new Map() }
    throw thrown
  }
}

function differenceOf(ours: PromtoolAnswer, theirs: PromtoolAnswer): string | undefined {
  if ((ours.error === undefined) !== (theirs.error === undefined))
    return `here ${ours.error ?? 'accepted'}, there ${theirs.error ?? 'accepted'}`
  const keys = new Set([...ours.samples.keys(), ...theirs.samples.keys()])
  for (const key of keys) {
    const [here, there] = [ours.samples.get(key), theirs.samples.get(key)]
    if (here === undefined || there === undefined || !isSame(here, there)) return `${key}: here ${here}, there ${there}`
  }
  return undefined
}

function isSame(a: number, b: number): boolean {
  if (Object.is(a, b) || a === b) return true
  // Below 1e-9 is what is left when equal things are subtracted in another order.
  return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b)) || Math.abs(a - b) < 1e-9
}
