import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, double, property } from 'fast-check'
import { formatPlain, formatValue } from './format-value.ts'
import { parseDurationMs, parseNumber, unquote } from './literals.ts'
import { parseSequence, parseSeries } from './series-notation.ts'

test('numbers', () => {
  const cases: Record<string, number | undefined> = {
    '1': 1,
    '-2.5': -2.5,
    '1e3': 1000,
    '1_000.5': 1000.5,
    '0x1f': 31,
    '017': 15,
    '.5': 0.5,
    '5.': 5,
    inf: Infinity,
    '-Inf': -Infinity,
    '+Inf': Infinity,
    NaN: NaN,
    '1x': undefined,
    '': undefined,
    '1e999': undefined,
    '09': 9,
  }
  for (const [text, value] of Object.entries(cases)) assert.ok(Object.is(parseNumber(text), value), text)
})

test('durations go from the largest unit to the smallest', () => {
  const cases: Record<string, number | undefined> = {
    '5m': 300_000,
    '1h30m': 5_400_000,
    '1y2w3d4h5m6s7ms': 33_019_506_007,
    '0': 0,
    '30m1h': undefined,
    '5': undefined,
    '': undefined,
    '-5m': undefined,
    '300y': undefined,
    '1.5h': undefined,
  }
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDurationMs(text), ms, text)
})

test('strings: three quotes, the escapes of Go, bytes as UTF-8', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['"a\\tb"', 'a\tb'],
    ["'it\\'s'", "it's"],
    ['"it\\\'s"', undefined],
    ['`a\\tb`', 'a\\tb'],
    ['"\\101"', 'A'],
    ['"\\u20ac"', '€'],
    ['"\\U0001F600"', '😀'],
    ['"\\xe2\\x82\\xac"', '€'],
    ['"\\xff"', '\uFFFD'],
    ['"\\q"', undefined],
    ['"\\ud800"', undefined],
    ['"\\\\"', '\\'],
  ]
  for (const [quoted, value] of cases) assert.equal(unquote(quoted), value, quoted)
})

test('values are printed as Go prints them', () => {
  const cases: readonly (readonly [number, string, string])[] = [
    [0, '0', '0'],
    [-0, '-0', '-0'],
    [1.5, '1.5', '1.5'],
    [1e20, '100000000000000000000', '100000000000000000000'],
    [1e21, '1000000000000000000000', '1e+21'],
    [1.25e-7, '0.000000125', '1.25e-07'],
    [0.0001, '0.0001', '0.0001'],
    [-1.5e300, `-15${'0'.repeat(299)}`, '-1.5e+300'],
    [Infinity, '+Inf', '+Inf'],
    [-Infinity, '-Inf', '-Inf'],
    [NaN, 'NaN', 'NaN'],
  ]
  for (const [value, plain, short] of cases) assert.deepEqual([formatPlain(value), formatValue(value)], [plain, short])
})

test('what is printed reads back as the same number', () => {
  check(
    property(double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.ok(Object.is(Number(formatPlain(value)), value))
      assert.ok(Object.is(Number(formatValue(value)), value))
    }),
  )
})

test('values of a series, as rule tests write them', () => {
  assert.deepEqual(parseSequence('1 2x2 3+10x2 5-1x1 _ _x2 stale NaN -Inf 1e3'), [
    1,
    2,
    2,
    2,
    3,
    13,
    23,
    5,
    4,
    undefined,
    undefined,
    undefined,
    'stale',
    NaN,
    -Infinity,
    1000,
  ])
  assert.deepEqual(parseSequence('-1-2x1'), [-1, -3])
  assert.deepEqual(parseSeries('a{b="c d"} 1x1'), { labels: { __name__: 'a', b: 'c d' }, values: [1, 1] })
  assert.throws(() => parseSequence('1 2y'), /unexpected "2y", expected number or "stale"/)
  assert.throws(() => parseSequence('1+-2x3'), /unexpected/)
  assert.throws(() => parseSequence('{{schema:1}}'), /native histogram/)
})
