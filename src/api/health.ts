// Is this process well itself? A stalled event loop cannot answer while it stands still, so a beat is taken twice a
// second, and the gap is reported by the first request after it: a restart is not needed then, but somebody should know.

import type { Clock } from '../lib/clock.ts'

export interface Health {
  /** A sentence when the event loop stood still a moment ago; undefined when all is well. */
  stall(): string | undefined
  stop(): void
}

const BEAT_MS = 500
const STALL_MS = 5_000 // longer than any garbage collection, shorter than the usual patience of a liveness probe
const REMEMBER_MS = 10_000

export function startHealth(clock: Clock): Health {
  let beatAt = clock.monotonic()
  let last: { gapMs: number; at: number } | undefined
  const look = (): void => {
    const now = clock.monotonic()
    if (now - beatAt >= STALL_MS) last = { gapMs: now - beatAt, at: now }
    beatAt = now
  }
  const beat = (): void => {
    look()
    timer = clock.after(BEAT_MS, beat)
  }
  let timer = clock.after(BEAT_MS, beat)
  return {
    stall() {
      look() // the request may run before the beat that is late
      if (last === undefined || clock.monotonic() - last.at > REMEMBER_MS) return undefined
      return `the event loop stood still for ${(last.gapMs / 1_000).toFixed(1)} s`
    },
    stop: () => timer.stop(),
  }
}
