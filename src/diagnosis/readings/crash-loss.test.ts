// Save points in words, and the worst that they let happen.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { bySavePoints, waitSeconds } from './crash-loss.ts'
import type { SavePoint } from './snapshots.ts'

const USUAL: readonly SavePoint[] = [
  { seconds: 3600, changes: 1 },
  { seconds: 300, changes: 100 },
  { seconds: 60, changes: 10_000 },
]

describe('save points', () => {
  test('the usual ones are explained by how many changes there are', () => {
    const says = '1 to 99 changes: up to 3,600 s lost; 100 to 9,999: 300 s; 10,000 and more: 60 s'
    assert.deepEqual(bySavePoints(USUAL), { worstMs: 3_600_000, says })
  })

  test('a few changes may never be saved', () => {
    const says = '1 to 9,999 changes are never saved by themselves; 10,000 and more changes: up to 60 s lost'
    assert.deepEqual(bySavePoints([{ seconds: 60, changes: 10_000 }]), { worstMs: Infinity, says })
    assert.match(bySavePoints([]).says, /nothing is saved by itself/)
  })

  test('one that another makes needless is not named', () => {
    const says = '1 and more changes: up to 60 s lost'
    assert.deepEqual(bySavePoints([...USUAL, { seconds: 60, changes: 1 }]), { worstMs: 60_000, says })
  })

  test('the wait for a number of changes is the shortest of all that such a number meets', () => {
    const point = fc.record({ seconds: fc.integer({ min: 1, max: 9_999 }), changes: fc.integer({ min: 1, max: 50 }) })
    fc.assert(
      fc.property(fc.array(point, { maxLength: 6 }), fc.integer({ min: 1, max: 60 }), (points, changes) => {
        const met = points.filter((one) => one.changes <= changes).map(({ seconds }) => seconds)
        assert.equal(waitSeconds(points, changes), met.length === 0 ? undefined : Math.min(...met))
      }),
    )
  })
})
