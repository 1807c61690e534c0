import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as check, integer, property } from 'fast-check'
import { addWindow, quantileUs, windowBetween, windowOf, type Histogram } from './latency-window.ts'

/** As LATENCY HISTOGRAM gives it: cumulative counts at doubling bounds, empty buckets left out. */
function histogramOf(latencies: readonly number[]): Histogram {
  const counts = new Map<number, number>()
  for (const latency of latencies) {
    const bound = 2 ** Math.max(0, Math.ceil(Math.log2(latency)))
    counts.set(bound, (counts.get(bound) ?? 0) + 1)
  }
  const boundsUs = [...counts.keys()].toSorted((a, b) => a - b)
  let sum = 0
  return { boundsUs, counts: boundsUs.map((bound) => (sum += counts.get(bound) ?? 0)) }
}

test('the window between two looks is the histogram of what happened between them', () => {
  const latency = integer({ min: 1, max: 1_000_000 })
  check(
    property(array(latency), array(latency), (before, fresh) => {
      const window = windowBetween(histogramOf(before), histogramOf([...before, ...fresh]))
      assert.deepEqual(window, windowBetween(undefined, histogramOf(fresh)))
      const total = window.counts.reduce((sum, count) => sum + count, 0)
      assert.equal(total, fresh.length)
    }),
  )
})

test('windows of several commands add up', () => {
  const sum = new Map<number, number>()
  addWindow(sum, windowBetween(undefined, histogramOf([3, 900])))
  addWindow(sum, windowBetween(undefined, histogramOf([3, 7])))
  assert.deepEqual(windowOf(sum), { boundsUs: [4, 8, 1024], counts: [2, 1, 1] })
})

test('a histogram that was reset counts from nothing', () => {
  const window = windowBetween(histogramOf([5, 5, 5, 900]), histogramOf([7]))
  assert.deepEqual(window, { boundsUs: [8], counts: [1] })
})

test('the quantile lies in the bucket of the right call', () => {
  const window = windowBetween(undefined, histogramOf([...Array.from({ length: 99 }, () => 3), 1_000]))
  assert.equal(quantileUs(window, 0.5), 2 + (2 * 50) / 99)
  assert.equal(quantileUs(window, 0.99), 4)
  assert.equal(quantileUs(window, 1), 1024)
  assert.equal(quantileUs({ boundsUs: [], counts: [] }, 0.99), undefined)
})
