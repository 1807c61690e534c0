// Durations and sizes are read as people write them and written as people read them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatBytes, formatCount, formatDuration, formatWhole, parseDurationMs } from './units.ts'

test('durations as Prometheus writes them', () => {
  const cases: readonly [string, number | undefined][] = [
    ['250ms', 250],
    ['5s', 5_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1w2d', 777_600_000],
    ['0s', 0],
    [' 5s ', 5_000],
    ['', undefined],
    ['5', undefined],
    ['5s1m', undefined],
    ['-5s', undefined],
    ['1.5h', undefined],
  ]
  for (const [text, ms] of cases) assert.equal(parseDurationMs(text), ms, text)
})

test('durations for people: the two largest parts', () => {
  const cases: readonly [number, string][] = [
    [0, '0 ms'],
    [350.4, '350 ms'],
    [999.7, '1 s'],
    [4_000, '4 s'],
    [250_000, '4 min 10 s'],
    [3_600_000, '1 h'],
    [183_600_000, '2 d 3 h'],
    [172_860_000, '2 d'],
    [Number.NaN, '–'],
    [-3_600_000, '0 ms'], // the clock was set back
  ]
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text)
})

test('sizes and counts for people', () => {
  assert.deepEqual([0, 512, 1_536, 12_884_901_888, 2 ** 60, Number.NaN].map(formatBytes), [
    '0 B',
    '512 B',
    '1.5 KiB',
    '12 GiB',
    '1048576 TiB',
    '–',
  ])
  assert.deepEqual([0, 950, 9_999, 12_345, 3_400_000, Number.NaN].map(formatCount), [
    '0',
    '950',
    '9999',
    '12.3 K',
    '3.4 M',
    '–',
  ])
})

test('whatever the number, it is short and says no NaN', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      for (const text of [formatDuration(value), formatBytes(value), formatCount(value)])
        assert.doesNotMatch(text, /NaN|Infinity|undefined/)
      assert.notEqual(formatDuration(value), '')
    }),
  )
})

test('every duration that is read is a whole number of milliseconds', () => {
  fc.assert(fc.property(fc.string(), (text) => Number.isInteger(parseDurationMs(text) ?? 0)))
})

test('all digits of a count stand in groups of three', () => {
  assert.deepEqual([0, 999, 1_000, 12_345, 3_400_000, -1_234].map(formatWhole), [
    '0',
    '999',
    '1,000',
    '12,345',
    '3,400,000',
    '-1,234',
  ])
})
