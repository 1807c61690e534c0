// The wall clock against the monotonic one: only somebody who sets the clock moves it, never a process that had to wait.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, wallMinusMonotonic, type Clock } from './clock.ts'

/** A clock of which each reading takes as long as the list says, the last one for ever. */
function slowToRead(tookMs: readonly number[]): Clock & { set(byMs: number): void } {
  let [passedMs, setMs, at] = [0, 0, 0]
  const read = (): number => {
    passedMs += tookMs[Math.min(at, tookMs.length - 1)] ?? 0
    at += 1
    return passedMs
  }
  return {
    now: () => 1_000_000 + setMs + read(),
    monotonic: read,
    after: systemClock.after,
    set: (byMs) => void (setMs += byMs),
  }
}

test('a process that loses the processor between two readings sees no step of the clock', () => {
  for (const stallAt of [0, 1, 2, 3, 4]) {
    const clock = slowToRead([...Array.from({ length: stallAt }, () => 0), 400, 0])
    assert.equal(wallMinusMonotonic(clock), 1_000_000, `when reading ${stallAt} stalls`)
  }
})

test('on a machine that always stalls the closest readings count, and it ends', () => {
  const clock = slowToRead([90, 30, 30, 50])
  assert.equal(wallMinusMonotonic(clock), 1_000_030)
})

test('a clock that was set is seen', () => {
  const clock = slowToRead([0])
  const before = wallMinusMonotonic(clock)
  clock.set(-3_600_000)
  assert.equal(wallMinusMonotonic(clock) - before, -3_600_000)
})
