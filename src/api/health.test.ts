// A stalled event loop, played on a clock of our own: the request that comes first after it says so, and soon after
// it is forgotten.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Clock } from '../lib/clock.ts'
import { startHealth } from './health.ts'

function makeClock(): { clock: Clock; pass(ms: number): void; stall(ms: number): void } {
  let now = 0
  const due: { at: number; run: () => void }[] = []
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(delayMs, run) {
      due.push({ at: now + delayMs, run })
      return { stop: () => void due.splice(0) }
    },
  }
  const pass = (ms: number): void => {
    const end = now + ms
    while ((due[0]?.at ?? Infinity) <= end) {
      const next = due.shift()
      now = Math.max(now, next?.at ?? now)
      next?.run()
    }
    now = Math.max(now, end)
  }
  return { clock, pass, stall: (ms) => void (now += ms) }
}

it('a stall is told by the first request after it, for ten seconds', () => {
  const { clock, pass, stall } = makeClock()
  const health = startHealth(clock)
  pass(60_000)
  assert.equal(health.stall(), undefined)
  stall(7_000)
  assert.equal(health.stall(), 'the event loop stood still for 7.0 s')
  pass(9_000)
  assert.match(health.stall() ?? '', /7\.0 s/)
  pass(5_000)
  assert.equal(health.stall(), undefined)
  health.stop()
})

it('garbage collection is no stall', () => {
  const { clock, pass, stall } = makeClock()
  const health = startHealth(clock)
  pass(1_000)
  stall(3_000)
  assert.equal(health.stall(), undefined)
  health.stop()
})
