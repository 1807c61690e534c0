// How long to wait before trying again: twice as long after each failure, up to a limit, and not less than the other
// side asked for. Those that failed together do not come back together: chance takes up to half of it away.

export interface Waits {
  readonly firstMs: number
  readonly longestMs: number
}

/** The wait after that many failed attempts (1: after the first). What the other side asked for counts when it is longer. */
export function waitAfter(attempt: number, { firstMs, longestMs }: Waits, askedMs = 0): number {
  return Math.max(askedMs, Math.min(longestMs, firstMs * 2 ** Math.min(attempt - 1, 10)))
}

/** Between half of the wait and all of it. */
export function withJitter(waitMs: number, chance: number = Math.random()): number {
  return waitMs * (0.5 + chance / 2)
}
