// How long the parts of an object are: 10,000 of them suffice for whatever a Redis can hold.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partBytes } from './put-stream.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30

const room = (sizeHint?: number): number =>
  Array.from({ length: 10_000 }, (_none, at) => partBytes(at + 1, sizeHint)).reduce((sum, bytes) => sum + bytes, 0)

test('parts are of 8 MiB up to 39 GiB, and grow then', () => {
  assert.deepEqual(
    [1, 5_000, 5_001, 6_000, 6_001, 10_000].map((number) => partBytes(number) / MIB),
    [8, 8, 16, 16, 32, 256],
  )
  assert.ok(room() > 520 * GIB, `${room() / GIB}`)
})

test('what was expected is cut into parts of one size, with room for much more', () => {
  for (const sizeHint of [1, 40 * GIB, 300 * GIB, 4_000 * GIB]) {
    const parts = Math.ceil(sizeHint / partBytes(1, sizeHint))
    assert.ok(parts <= 5_000, `${parts} parts`)
    assert.equal(partBytes(parts, sizeHint), partBytes(1, sizeHint))
    assert.ok(room(sizeHint) > 10 * sizeHint)
  }
})
