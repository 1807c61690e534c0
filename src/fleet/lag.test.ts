// Lag is the age of the oldest write that a replica has not acknowledged, not the time since it last said something.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { makeOffsetTrail } from './lag.ts'

test('a replica that has all is 0 behind; one that stands still is behind by the age of what it lacks', () => {
  const trail = makeOffsetTrail()
  for (let second = 0; second <= 10; second += 1) trail.note(second * 1_000, second * 100)
  assert.equal(trail.lagSeconds(10_000, 1_000), 0)
  assert.equal(trail.lagSeconds(10_000, 1_050), 0)
  assert.equal(trail.lagSeconds(10_000, 950), 0, 'the write of just now')
  assert.equal(trail.lagSeconds(10_000, 700), 2, 'the offset 800 was passed two seconds ago')
  assert.equal(trail.lagSeconds(13_000, 700), 5)
})

test('while nothing is written, who has all stays at 0 however long that takes', () => {
  const trail = makeOffsetTrail()
  for (let second = 0; second <= 600; second += 1) trail.note(second * 1_000, 500)
  assert.equal(trail.lagSeconds(600_000, 500), 0)
  assert.equal(trail.lagSeconds(600_000, 499), 600)
})

test('before the first note nothing is known to lack', () => {
  assert.equal(makeOffsetTrail().lagSeconds(1_000, 0), 0)
})

test('an offset that goes back (another primary, a restart) starts anew', () => {
  const trail = makeOffsetTrail()
  trail.note(0, 1_000)
  trail.note(60_000, 10)
  trail.note(61_000, 20)
  assert.equal(trail.lagSeconds(62_000, 5), 2)
})

test('days of notes are kept in two hours of memory, and the lag stays within them', () => {
  const trail = makeOffsetTrail()
  const seconds = 20_000
  for (let second = 0; second < seconds; second += 1) trail.note(second * 1_000, second)
  const lag = trail.lagSeconds(seconds * 1_000, 0)
  assert.ok(lag >= 3_600 && lag <= 7_200, String(lag))
  assert.equal(trail.lagSeconds(seconds * 1_000, seconds - 10), 9)
})

test('more acknowledged is never more behind', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000), { minLength: 1 }), fc.nat(50_000), fc.nat(50_000), (steps, one, other) => {
      const trail = makeOffsetTrail()
      let offset = 0
      steps.forEach((step, at) => trail.note(at * 1_000, (offset += step)))
      const now = steps.length * 1_000
      const [less, more] = [Math.min(one, other), Math.max(one, other)]
      assert.ok(trail.lagSeconds(now, less) >= trail.lagSeconds(now, more))
    }),
  )
})
