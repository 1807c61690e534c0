// The k largest (or smallest) of the values offered, by their positions: a heap with the one that has to go first on top.
// Which of several equal values stay is the heap's choice and the same as Prometheus', so that an alert on topk fires for
// the same series here and there. NaN stays only where nothing else is.

export class TopValues {
  private readonly places: number[] = []
  private readonly most: number
  private readonly wantsLargest: boolean
  private readonly values: readonly number[]

  constructor(most: number, wantsLargest: boolean, values: readonly number[]) {
    this.most = most
    this.wantsLargest = wantsLargest
    this.values = values
  }

  offer(place: number): void {
    const { places } = this
    if (places.length < this.most) {
      places.push(place)
      this.siftUp(places.length - 1)
      return
    }
    const [value, worst] = [this.valueOf(place), this.valueOf(places[0] as number)]
    const isBetter = this.wantsLargest ? worst < value : worst > value
    if (!isBetter && !(Number.isNaN(worst) && !Number.isNaN(value))) return
    places[0] = place
    this.siftDown(0)
  }

  /** The best first. */
  inOrder(): number[] {
    return this.places.toSorted((a, b) => (this.goesFirst(b, a) ? -1 : this.goesFirst(a, b) ? 1 : 0))
  }

  private valueOf(place: number): number {
    return this.values[place] as number
  }

  /** Whether `a` has to leave the heap before `b`. */
  private goesFirst(a: number, b: number): boolean {
    const [left, right] = [this.valueOf(a), this.valueOf(b)]
    if (Number.isNaN(left)) return true
    return this.wantsLargest ? left < right : left > right
  }

  private swap(a: number, b: number): void {
    const kept = this.places[a] as number
    this.places[a] = this.places[b] as number
    this.places[b] = kept
  }

  private siftUp(from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.goesFirst(this.places[at] as number, this.places[parent] as number)) return
      this.swap(at, parent)
      at = parent
    }
  }

  private siftDown(from: number): void {
    const { places } = this
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= places.length) return
      const right = child + 1
      if (right < places.length && this.goesFirst(places[right] as number, places[child] as number)) child = right
      if (!this.goesFirst(places[child] as number, places[at] as number)) return
      this.swap(at, child)
      at = child
    }
  }
}
