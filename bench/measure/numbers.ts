// The few numbers that the benches share: medians and percentiles of what was measured, never an average that hides.

/** The middle value; of an even count the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return (low + high) / 2
}

/** The smallest value that at least this share (0 to 1) of all values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? NaN
}

export interface Pair {
  readonly ours: number
  readonly theirs: number
  readonly first: 'ours' | 'theirs'
}

/** Measures the two in turn: one pair to warm up, which is thrown away, then `count` pairs, each begun by the other. */
export async function alternate(
  count: number,
  measure: { ours: () => Promise<number>; theirs: () => Promise<number> },
  onPair: (pair: Pair, isWarmUp: boolean) => void,
): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (let at = 0; at <= count; at += 1) {
    const first = at % 2 === 0 ? 'ours' : 'theirs'
    const early = await measure[first]()
    const late = await measure[first === 'ours' ? 'theirs' : 'ours']()
    const pair: Pair = first === 'ours' ? { ours: early, theirs: late, first } : { ours: late, theirs: early, first }
    onPair(pair, at === 0)
    if (at > 0) pairs.push(pair)
  }
  return pairs
}
