// Time, passed in so that tests can run ten minutes in ten milliseconds. `now` is the wall clock and may jump;
// `monotonic` never does, and every duration, timeout and interval is counted on it.

export interface Timer {
  stop(): void
}

export interface Clock {
  now(): number // epoch milliseconds; may jump when somebody sets the clock
  monotonic(): number // milliseconds since an arbitrary start; never goes back
  after(delayMs: number, run: () => void): Timer // runs once; keeps the process alive until then
}

const CLOSE_MS = 1 // two readings this far apart are of the same moment
const TRIES = 10

/**
 * Milliseconds from the monotonic clock to the wall clock; changes only when somebody sets the clock. The two cannot be
 * read at once: when this process loses the processor between them, they are of different moments, and the difference
 * looks like a clock that was set. So they are read again, and the closest pair counts.
 */
export function wallMinusMonotonic(clock: Clock): number {
  let [offsetMs, closestMs] = [0, Infinity]
  for (let at = 0; at < TRIES && closestMs > CLOSE_MS; at += 1) {
    const before = clock.monotonic()
    const wallMs = clock.now()
    const apartMs = clock.monotonic() - before
    if (apartMs >= closestMs) continue
    closestMs = apartMs
    offsetMs = wallMs - before
  }
  return offsetMs
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.max(0, delayMs))
    return { stop: () => clearTimeout(timer) }
  },
}
