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

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.max(0, delayMs))
    return { stop: () => clearTimeout(timer) }
  },
}
