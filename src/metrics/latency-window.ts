// Percentiles of the time between two samples, from histograms that only ever grow. A command's histogram is a list of
// cumulative counts by upper bound in microseconds; the difference of two such lists is the histogram of what happened
// between them.

/** Counts by ascending upper bound; bounds that nothing fell into may be absent. */
export interface Histogram {
  readonly boundsUs: readonly number[]
  readonly counts: readonly number[]
}

/** Not cumulative: what fell into each bucket between two looks. Both histograms are cumulative. */
export function windowBetween(before: Histogram | undefined, now: Histogram): Histogram {
  const isRestart = (before?.counts.at(-1) ?? 0) > (now.counts.at(-1) ?? 0) // CONFIG RESETSTAT or a new process
  const earlier = before === undefined || isRestart ? NOTHING : before
  const boundsUs: number[] = []
  const counts: number[] = []
  let [at, lower, earlierLower] = [0, 0, 0]
  for (let index = 0; index < now.boundsUs.length; index += 1) {
    const [bound, count] = [now.boundsUs[index] as number, now.counts[index] as number]
    let known = 0
    if (earlier.boundsUs[at] === bound) {
      const earlierCount = earlier.counts[at] as number
      known = earlierCount - earlierLower
      earlierLower = earlierCount
      at += 1
    }
    if (count - lower > known) {
      boundsUs.push(bound)
      counts.push(count - lower - known)
    }
    lower = count
  }
  return { boundsUs, counts }
}

const NOTHING: Histogram = { boundsUs: [], counts: [] }

/** Adds a window to the sum of several. */
export function addWindow(to: Map<number, number>, { boundsUs, counts }: Histogram): void {
  boundsUs.forEach((bound, at) => to.set(bound, (to.get(bound) ?? 0) + (counts[at] ?? 0)))
}

/** Such a sum as one window again. */
export function windowOf(sum: ReadonlyMap<number, number>): Histogram {
  const boundsUs = [...sum.keys()].toSorted((a, b) => a - b)
  return { boundsUs, counts: boundsUs.map((bound) => sum.get(bound) ?? 0) }
}

/** The quantile of a window in microseconds, linear within its bucket as PromQL's histogram_quantile; undefined of nothing. */
export function quantileUs({ boundsUs, counts }: Histogram, quantile: number): number | undefined {
  let total = 0
  for (const count of counts) total += count
  if (total === 0) return undefined
  const rank = quantile * total
  let seen = 0
  for (let at = 0; at < boundsUs.length; at += 1) {
    const [bound, count] = [boundsUs[at] ?? 0, counts[at] ?? 0]
    const lower = bound / 2 // the bounds of LATENCY HISTOGRAM double
    if (seen + count >= rank) return lower + ((bound - lower) * (rank - seen)) / count
    seen += count
  }
  return boundsUs.at(-1)
}
