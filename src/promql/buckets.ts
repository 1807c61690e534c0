// Quantiles of classic histograms: buckets that count all observations up to their bound `le`, the last one +Inf. Between
// two bounds observations are taken to be spread evenly.

export interface Bucket {
  readonly bound: number
  count: number
}

// Differences this small come from rounding and are no observations.
const TOLERANCE = 1e-12

/** Where counts fell although the bound rose, and how far; they were lifted to the count before. */
export interface Lift {
  least: number
  most: number
  difference: number
}

/** Buckets in order, those with the same bound as one; undefined when there is none for everything. */
function inOrder(buckets: Bucket[]): Bucket[] | undefined {
  const sorted = buckets.toSorted((a, b) => a.bound - b.bound)
  if (sorted.at(-1)?.bound !== Infinity) return undefined
  const merged: Bucket[] = []
  for (const { bound, count } of sorted) {
    const last = merged.at(-1)
    if (last?.bound === bound) last.count += count
    else merged.push({ bound, count })
  }
  return merged
}

function isAlmostEqual(a: number, b: number): boolean {
  if (a === b) return true
  const difference = Math.abs(a - b)
  const size = Math.abs(a) + Math.abs(b)
  if (a === 0 || b === 0 || size < 2.2250738585072014e-308) return difference < TOLERANCE * 2.2250738585072014e-308
  return difference / Math.min(size, Number.MAX_VALUE) < TOLERANCE
}

/** Counts that never fall. Answers what had to be lifted by more than rounding explains. */
function lift(buckets: readonly Bucket[]): Lift | undefined {
  let lifted: Lift | undefined
  let before = buckets[0]?.count ?? 0
  for (const bucket of buckets.slice(1)) {
    const { bound, count } = bucket
    if (count === before) continue
    if (isAlmostEqual(before, count)) bucket.count = before
    else if (count < before) {
      lifted ??= { least: Infinity, most: -Infinity, difference: 0 }
      lifted.least = Math.min(lifted.least, bound)
      lifted.most = Math.max(lifted.most, bound)
      lifted.difference = Math.max(lifted.difference, before - count)
      bucket.count = before
    } else before = count
  }
  return lifted
}

/** The value below which the share `q` of all observations lies. */
export function bucketQuantile(q: number, unordered: Bucket[]): { value: number; lifted?: Lift | undefined } {
  if (Number.isNaN(q)) return { value: NaN }
  if (q < 0) return { value: -Infinity }
  if (q > 1) return { value: Infinity }
  const buckets = inOrder(unordered)
  if (buckets === undefined) return { value: NaN }
  const lifted = lift(buckets)
  const observations = buckets.at(-1)?.count ?? 0
  if (buckets.length < 2 || observations === 0) return { value: NaN, lifted }
  return { value: valueAtRank(buckets, q * observations), lifted }
}

function valueAtRank(buckets: readonly Bucket[], rank: number): number {
  const last = buckets.length - 1
  const bound = (at: number): number => buckets[at]?.bound ?? NaN
  const count = (at: number): number => buckets[at]?.count ?? NaN
  let at = buckets.findIndex((bucket) => bucket.count >= rank)
  if (at === -1 || at > last) at = last
  if (at === last) return bound(last - 1)
  if (at === 0 && bound(0) <= 0) return bound(0)
  if (at === 0) return bound(0) * (rank / count(0))
  return bound(at - 1) + (bound(at) - bound(at - 1)) * ((rank - count(at - 1)) / (count(at) - count(at - 1)))
}

/** The share of all observations between two values. */
export function bucketFraction(lower: number, upper: number, unordered: Bucket[]): number {
  const buckets = inOrder(unordered)
  const count = buckets?.at(-1)?.count ?? 0
  if (buckets === undefined || count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return NaN
  if (lower >= upper) return 0
  return (rankOf(upper, buckets, count) - rankOf(lower, buckets, count)) / count
}

/** How many observations lie below a value. */
function rankOf(value: number, buckets: readonly Bucket[], most: number): number {
  // With a first bound above zero all observations are taken to be positive.
  let start = (buckets[0]?.bound ?? 0) > 0 ? 0 : -Infinity
  let rank = 0
  for (const { bound, count } of buckets) {
    if (start >= value) return Math.min(rank, most)
    // A bucket without a lower end counts as a whole, one without an upper end not at all.
    if (bound > value)
      return Math.min(start === -Infinity ? count : rank + ((count - rank) * (value - start)) / (bound - start), most)
    rank = count
    start = bound
  }
  return most
}
