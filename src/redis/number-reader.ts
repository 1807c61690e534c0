// Numbers in the texts of a server, read where they stand: a busy server says a thousand of them in every sample, and a
// piece of text for each would cost more than reading it.

/** Reads numbers where they stand; `end` is behind the last one that was read. */
export class NumberReader {
  end = 0

  /** A number without sign or exponent; its value is that of Number() on the same digits. */
  read(text: string, from: number): number {
    let at = from
    let digits = 0
    let point = -1
    for (; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (code === POINT && point === -1) point = at
      else if (code >= ZERO && code <= NINE) digits = digits * 10 + (code - ZERO)
      else break
    }
    this.end = at
    if (digits > Number.MAX_SAFE_INTEGER) return Number(text.slice(from, at))
    return point === -1 ? digits : digits / (POWERS[at - point - 1] ?? NaN) // both exact, so the quotient is the nearest double
  }
}

const POWERS = Array.from({ length: 23 }, (_none, at) => 10 ** at)
const POINT = 46
const ZERO = 48
const NINE = 57
