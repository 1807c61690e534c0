import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as check, integer, property } from 'fast-check'
import { LatencyWindow, type Histogram } from './latency-window.ts'

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

const between = (before: Histogram | undefined, now: Histogram): LatencyWindow =>
  new LatencyWindow().setBetween(before, now)

test('the window between two looks is the histogram of what happened between them', () => {
  const latency = integer({ min: 1, max: 1_000_000 })
  const used = new LatencyWindow()
  check(
    property(array(latency), array(latency), (before, fresh) => {
      const window = used.setBetween(histogramOf(before), histogramOf([...before, ...fresh])).entries()
      assert.deepEqual(window, between(undefined, histogramOf(fresh)).entries())
      const total = window.reduce((sum, [, count]) => sum + count, 0)
      assert.equal(total, fresh.length)
    }),
  )
})

test('windows of several commands add up', () => {
  const latency = integer({ min: 1, max: 1_000_000 })
  check(
    property(array(array(latency)), (commands) => {
      const sum = new LatencyWindow()
      for (const latencies of commands) sum.add(between(undefined, histogramOf(latencies)))
      assert.deepEqual(sum.entries(), between(undefined, histogramOf(commands.flat())).entries())
      assert.deepEqual(sum.clear().entries(), [])
    }),
  )
})

test('a histogram that was reset counts from nothing', () => {
  const window = between(histogramOf([5, 5, 5, 900]), histogramOf([7]))
  assert.deepEqual(window.entries(), [[8, 1]])
})

test('the quantile lies in the bucket of the right call', () => {
  const window = between(undefined, histogramOf([...Array.from({ length: 99 }, () => 3), 1_000]))
  assert.equal(window.quantileUs(0.5), 2 + (2 * 50) / 99)
  assert.equal(window.quantileUs(0.99), 4)
  assert.equal(window.quantileUs(1), 1024)
  assert.equal(new LatencyWindow().quantileUs(0.99), undefined)
})
