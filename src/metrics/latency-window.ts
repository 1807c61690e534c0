// Percentiles of the time between two samples, from histograms that only ever grow. A command's histogram is a list of
// cumulative counts by upper bound in microseconds; the difference of two such lists is the histogram of what happened
// between them. A window is used again for the next one: a busy server has fifty in each sample.

/** Cumulative counts by ascending upper bound; bounds that nothing fell into may be absent. */
export interface Histogram {
  readonly boundsUs: readonly number[]
  readonly counts: readonly number[]
}

const NOTHING: Histogram = { boundsUs: [], counts: [] }

/** What fell into each bucket in some time; not cumulative. */
export class LatencyWindow {
  readonly #boundsUs: number[] = [] // ascending
  readonly #counts: number[] = []
  #length = 0

  clear(): this {
    this.#length = 0
    return this
  }

  /** Makes this what happened between two looks at a histogram. */
  setBetween(before: Histogram | undefined, now: Histogram): this {
    const isRestart = (before?.counts.at(-1) ?? 0) > (now.counts.at(-1) ?? 0) // CONFIG RESETSTAT or a new process
    const earlier = before === undefined || isRestart ? NOTHING : before
    this.#length = 0
    let [at, lower, earlierLower] = [0, 0, 0]
    for (let index = 0; index < now.boundsUs.length; index += 1) {
      const bound = now.boundsUs[index] as number
      const count = now.counts[index] as number
      let known = 0
      if (earlier.boundsUs[at] === bound) {
        const earlierCount = earlier.counts[at] as number
        known = earlierCount - earlierLower
        earlierLower = earlierCount
        at += 1
      }
      if (count - lower > known) this.#insert(this.#length, bound, count - lower - known)
      lower = count
    }
    return this
  }

  /** Adds what another window holds. */
  add(other: LatencyWindow): void {
    let at = 0
    for (let index = 0; index < other.#length; index += 1) {
      const bound = other.#boundsUs[index] as number
      const count = other.#counts[index] as number
      while (at < this.#length && (this.#boundsUs[at] as number) < bound) at += 1
      if (at < this.#length && this.#boundsUs[at] === bound) this.#counts[at] = (this.#counts[at] as number) + count
      else this.#insert(at, bound, count)
    }
  }

  /** Moving those behind it up; there are some twenty bounds. */
  #insert(at: number, bound: number, count: number): void {
    for (let index = this.#length; index > at; index -= 1) {
      this.#boundsUs[index] = this.#boundsUs[index - 1] as number
      this.#counts[index] = this.#counts[index - 1] as number
    }
    this.#boundsUs[at] = bound
    this.#counts[at] = count
    this.#length += 1
  }

  /** The quantile in microseconds, linear within its bucket as PromQL's histogram_quantile; undefined of nothing. */
  quantileUs(quantile: number): number | undefined {
    let total = 0
    for (let at = 0; at < this.#length; at += 1) total += this.#counts[at] as number
    if (total === 0) return undefined
    const rank = quantile * total
    let seen = 0
    for (let at = 0; at < this.#length; at += 1) {
      const bound = this.#boundsUs[at] as number
      const count = this.#counts[at] as number
      const lower = bound / 2 // the bounds of LATENCY HISTOGRAM double
      if (seen + count >= rank) return lower + ((bound - lower) * (rank - seen)) / count
      seen += count
    }
    return this.#boundsUs[this.#length - 1]
  }

  /** The window by bound. */
  entries(): [boundUs: number, count: number][] {
    return this.#boundsUs.slice(0, this.#length).map((bound, at) => [bound, this.#counts[at] as number])
  }
}
