// Segments that overlap, nest and leave holes: what they cover, and which of them to read.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { SegmentName } from './keys.ts'
import { cover, stretchesOf } from './stretches.ts'

const segment = (from: number, to: number): SegmentName => ({
  from,
  to,
  fromTime: from * 10,
  toTime: to * 10,
  db: 0,
  sha256: '0'.repeat(64),
  sealed: 'zst',
})
const ends = (segments: readonly { from: number; to: number }[]): [number, number][] =>
  segments.map(({ from, to }) => [from, to])

test('a hole divides, an overlap and a touch do not', () => {
  const stretches = stretchesOf([segment(30, 40), segment(0, 10), segment(10, 20), segment(5, 18), segment(41, 50)])
  assert.deepEqual(ends(stretches), [
    [0, 20],
    [30, 40],
    [41, 50],
  ])
  assert.deepEqual([stretches[0]?.fromTime, stretches[0]?.toTime], [0, 200])
})

test('of small segments and the large one that joins them, the large one is read', () => {
  const small = [segment(0, 10), segment(10, 20), segment(20, 30)]
  assert.deepEqual(ends(cover([...small, segment(0, 30), segment(30, 35)], 0, 100)), [
    [0, 30],
    [30, 35],
  ])
  assert.deepEqual(ends(cover(small, 12, 15)), [[10, 20]])
  assert.deepEqual(cover(small, 30, 40), [])
})

test('whatever the segments, the cover goes as far as the stretch does, without a hole', () => {
  const some = fc.array(
    fc
      .tuple(fc.nat({ max: 50 }), fc.integer({ min: 1, max: 10 }))
      .map(([from, length]) => segment(from, from + length)),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(some, fc.nat({ max: 60 }), fc.integer({ min: 1, max: 60 }), (segments, from, length) => {
      const to = from + length
      const chosen = cover(segments, from, to)
      let at = from
      for (const one of chosen) {
        assert.ok(one.from <= at && one.to > at)
        at = one.to
      }
      const stretch = stretchesOf(segments).find((each) => each.from <= from && each.to > from)
      assert.equal(Math.min(at, to), Math.min(stretch?.to ?? from, to))
    }),
  )
})
