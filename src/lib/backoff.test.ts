// Waits grow, end somewhere, heed the other side, and are not all the same.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitAfter, withJitter } from './backoff.ts'

const waits = { firstMs: 100, longestMs: 1_000 }

test('a wait doubles up to the longest', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 2_000].map((attempt) => waitAfter(attempt, waits)),
    [100, 200, 400, 800, 1_000, 1_000],
  )
})

test('who asks for longer gets longer', () => {
  assert.equal(waitAfter(1, waits, 7_000), 7_000)
  assert.equal(waitAfter(3, waits, 5), 400)
})

test('chance takes away up to half', () => {
  assert.deepEqual([withJitter(100, 0), withJitter(100, 0.5), withJitter(100, 1)], [50, 75, 100])
  const some = withJitter(100)
  assert.ok(some >= 50 && some <= 100, String(some))
})
