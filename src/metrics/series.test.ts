import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as holds, nat, property, tuple } from 'fast-check'
import { gauge, seriesOf, Snapshot, type Series } from './series.ts'

const SERIES = Array.from({ length: 6 }, (_none, at) => seriesOf(gauge('test_of_snapshots', 'Test.'), `at="${at}"`))

function filled(points: readonly (readonly [Series, number])[], like?: Snapshot): Snapshot {
  const snapshot = new Snapshot(0, like)
  for (const [series, value] of points) snapshot.add(series, value)
  return snapshot
}

test('a snapshot holds what was added to it, whatever the one before it held', () => {
  const point = tuple(nat(5), nat(3)).map(([at, value]) => [SERIES[at] as Series, value + 0.5] as const)
  holds(
    property(array(array(point, { maxLength: 8 }), { maxLength: 5 }), (rounds) => {
      const snapshots: Snapshot[] = []
      for (const points of rounds) snapshots.push(filled(points, snapshots.at(-1)))
      for (const [at, points] of rounds.entries()) {
        assert.deepEqual(
          snapshots[at]?.series,
          points.map(([series]) => series),
        )
        assert.deepEqual(
          snapshots[at]?.values,
          points.map(([, value]) => value),
        )
      }
    }),
  )
})

test('two snapshots of the same series share one list of them, and what is added behind is of one alone', () => {
  const points = SERIES.map((series, at) => [series, at] as const)
  const first = filled(points.slice(0, 4))
  const second = filled(points.slice(0, 4), first)
  assert.equal(second.series, first.series)
  second.add(SERIES[5] as Series, 9)
  assert.equal(second.series.length, 5)
  assert.equal(first.series.length, 4)
})
