// The samples of one series that a range like `[5m]` covers, without copying them: positions in the arrays of the series.
// A range is open on the left: a sample exactly five minutes old is not in `[5m]`.

export class Window {
  timestamps: ArrayLike<number> = []
  values: ArrayLike<number> = []
  first = 0 // position of the oldest sample
  end = 0 // position after the newest
  startMs = 0 // not in the range
  endMs = 0 // in the range
  evalMs = 0 // the moment that the expression is evaluated at, whatever offset and @ say
  rangeMs = 0

  get count(): number {
    return this.end - this.first
  }

  /** Moves to the samples after `startMs` up to `endMs`. */
  moveTo(startMs: number, endMs: number): void {
    this.startMs = startMs
    this.endMs = endMs
    this.first = positionAfter(this.timestamps, startMs)
    this.end = positionAfter(this.timestamps, endMs)
  }

  value(at: number): number {
    return this.values[at] as number
  }

  time(at: number): number {
    return this.timestamps[at] as number
  }
}

/** The position of the first time after `ms`; as many as there are when none is. */
export function positionAfter(times: ArrayLike<number>, ms: number): number {
  let low = 0
  let high = times.length
  // Most questions are for the newest sample.
  if (high === 0 || (times[high - 1] as number) <= ms) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((times[middle] as number) <= ms) low = middle + 1
    else high = middle
  }
  return low
}
