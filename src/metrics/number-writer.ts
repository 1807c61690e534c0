// A number as the text format writes it, put into bytes without a text in between. Most values of a sample are counts, or
// seconds with up to six decimals that were counted in microseconds: their digits are worked out here, to the same ones
// that JavaScript gives. Everything else is left to JavaScript.

const LONGEST = 32 // -1.2345678901234567e-300 has 24
const MILLION = 1_000_000
const LARGEST = 1e15 // a decimal of up to 15 digits is the shortest one of its double: no other of that length is the same

export class NumberWriter {
  readonly bytes = new Uint8Array(LONGEST)
  from = LONGEST // where the number begins; it ends where the bytes end

  get length(): number {
    return LONGEST - this.from
  }

  write(value: number): void {
    this.from = LONGEST
    if (value >= 0 && value < LARGEST && !Object.is(value, -0)) {
      const whole = Math.floor(value)
      if (whole === value) return this.#digits(whole)
      const millionths = Math.round(value * MILLION)
      if (millionths < LARGEST && millionths / MILLION === value)
        return this.#decimal(whole, millionths - whole * MILLION)
    }
    this.#text(formatValue(value))
  }

  /** For a dozen bytes a call out of JavaScript would cost more than copying them. */
  copyTo(bytes: Uint8Array, at: number): void {
    for (let next = this.from, to = at; next < LONGEST; next += 1, to += 1) bytes[to] = this.bytes[next] as number
  }

  #decimal(whole: number, millionths: number): void {
    let [rest, places] = [millionths, 6]
    for (; rest % 10 === 0; rest /= 10) places -= 1
    for (; places > 0; places -= 1) {
      this.#put(ZERO + (rest % 10))
      rest = (rest / 10) | 0
    }
    this.#put(POINT)
    this.#digits(whole)
  }

  #digits(whole: number): void {
    let high = whole
    // Nine digits at a time, which is as much as fits into a small integer.
    while (high >= BILLION) {
      const next = Math.floor(high / BILLION)
      let low = (high - next * BILLION) | 0
      for (let at = 0; at < 9; at += 1) {
        this.#put(ZERO + (low % 10))
        low = (low / 10) | 0
      }
      high = next
    }
    let low = high | 0
    do {
      this.#put(ZERO + (low % 10))
      low = (low / 10) | 0
    } while (low > 0)
  }

  #text(text: string): void {
    for (let at = text.length - 1; at >= 0; at -= 1) this.#put(text.charCodeAt(at))
  }

  #put(byte: number): void {
    this.from -= 1
    this.bytes[this.from] = byte
  }
}

const [ZERO, POINT, BILLION] = [48, 46, 1_000_000_000]

/** Go's ParseFloat reads JavaScript's notation of all finite numbers; only the infinities are written otherwise. */
export function formatValue(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : `${value}`
}
