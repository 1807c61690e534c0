// Sums that do not lose the small numbers among large ones (Neumaier's summation), and what is made of them: means,
// variances, lines through points. In the order in which Prometheus adds, so that results agree to the last digits.

/** A running sum with what rounding took away from it. */
export class Sum {
  value = 0
  lost = 0

  add(term: number): void {
    const next = this.value + term
    if (next === Infinity || next === -Infinity) this.lost = 0
    else if (Math.abs(this.value) >= Math.abs(term)) this.lost += this.value - next + term
    else this.lost += term - next + this.value
    this.value = next
  }

  get total(): number {
    return this.value === Infinity || this.value === -Infinity ? this.value : this.value + this.lost
  }
}

/** A mean whose sum may exceed the largest number: from there on each value moves the mean a little instead. */
export class Mean {
  count = 0
  private readonly sum = new Sum()
  private isIncremental = false

  add(value: number): void {
    const { sum } = this
    this.count += 1
    if (this.count === 1) {
      sum.value = value
      return
    }
    if (!this.isIncremental) {
      const next = sum.value + value
      if (next !== Infinity && next !== -Infinity) return sum.add(value)
      this.isIncremental = true
      sum.value /= this.count - 1
      sum.lost /= this.count - 1
    }
    const share = (this.count - 1) / this.count
    sum.value *= share
    sum.lost *= share
    sum.add(value / this.count)
  }

  get mean(): number {
    const { sum } = this
    return this.isIncremental ? sum.value + sum.lost : sum.value / this.count + sum.lost / this.count
  }
}

/** The quantile of numbers, which are put into order; between two of them in proportion. */
export function quantileOf(q: number, values: number[]): number {
  if (values.length === 0 || Number.isNaN(q)) return NaN
  if (q < 0) return -Infinity
  if (q > 1) return Infinity
  values.sort((a, b) => (Number.isNaN(a) ? (Number.isNaN(b) ? 0 : -1) : Number.isNaN(b) ? 1 : a - b))
  const rank = q * (values.length - 1)
  const lower = Math.max(0, Math.floor(rank))
  const upper = Math.min(values.length - 1, lower + 1)
  const weight = rank - Math.floor(rank)
  return (values[lower] as number) * (1 - weight) + (values[upper] as number) * weight
}
