// Milliseconds that look like epoch time and never go back while we run: what repeats, escalations and retries are
// counted on, so that a clock that somebody sets tells nobody twice. What people name by the clock on the wall
// (silences, maintenance) is compared with that one.

import type { Clock } from '../lib/clock.ts'

export function steadyTime(clock: Clock): () => number {
  const [startedAt, startedOn] = [clock.now(), clock.monotonic()]
  return () => startedAt + (clock.monotonic() - startedOn)
}
