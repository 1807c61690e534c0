// Whatever goes in comes out bit for bit, and the usual shapes of a server's values take few bytes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ByteSink, ByteSource, countBits, MOST_ROWS, readColumn, writeColumn } from './column-codec.ts'

function roundTrip(values: readonly number[], present: number, rows: number): { back: number[]; bytes: number } {
  const out = new ByteSink()
  out.put(7) // a column rarely starts at 0
  writeColumn(out, Float64Array.from(values), present, rows)
  const bytes = out.length - 1
  out.put(7)
  const source = new ByteSource(out.bytes, 1)
  const dense = new Float64Array(MOST_ROWS)
  assert.equal(readColumn(source, dense, rows), present)
  assert.equal(source.at, out.length - 1, 'reads exactly what was written')
  return { back: [...dense.subarray(0, values.length)], bytes }
}

const sizeOf = (values: readonly number[]): number => {
  const { back, bytes } = roundTrip(values, 2 ** values.length - 1, values.length)
  assert.deepEqual(back, values)
  return bytes
}

const count = (length: number, of: (at: number) => number): number[] => Array.from({ length }, (_none, at) => of(at))

test('any values in any rows come back bit for bit', () => {
  const value = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.integer({ min: 0, max: 1_000_000 }).map((micros) => micros / 1e6),
    fc.constantFrom(
      NaN,
      Infinity,
      -Infinity,
      -0,
      0,
      5e-324,
      1.7976931348623157e308,
      2 ** 50,
      -(2 ** 50),
      2 ** 50 + 1,
      2 ** 53,
    ),
  )
  const column = fc
    .tuple(fc.integer({ min: 1, max: MOST_ROWS }), fc.integer({ min: 1, max: 0xffff_ffff }))
    .map(([rows, mask]) => ({ rows, present: (mask & (rows === 32 ? -1 : 2 ** rows - 1)) >>> 0 }))
    .filter(({ present }) => present !== 0)
    .chain(({ rows, present }) => {
      const length = { minLength: countBits(present), maxLength: countBits(present) }
      // Columns of one kind of value reach the short forms, mixed ones the fallback.
      const kinds = [
        fc.array(value, length),
        fc.array(fc.integer(), length),
        fc.array(
          fc.integer().map((cents) => cents / 100),
          length,
        ),
      ]
      return fc.oneof(...kinds).map((values) => ({ rows, present, values }))
    })
  fc.assert(
    fc.property(column, ({ rows, present, values }) => {
      const { back } = roundTrip(values, present, rows)
      assert.ok(
        back.every((one, at) => Object.is(one, values[at])),
        `${values.join()} became ${back.join()}`,
      )
    }),
    { numRuns: 2_000 },
  )
})

test('a column without holes comes back, however many rows it has', () => {
  for (let rows = 1; rows <= MOST_ROWS; rows += 1) sizeOf(count(rows, (at) => at * at))
})

test('a value that stays costs two bytes and not one a sample', () => {
  assert.ok(sizeOf(count(32, () => 0)) <= 2)
  assert.ok(sizeOf(count(32, () => 1.03)) <= 3)
  assert.ok(sizeOf(count(32, () => 8_589_934_592)) <= 6)
})

test('a counter that grows steadily costs a bit a sample, one that grows by about the same a byte or two', () => {
  assert.ok(sizeOf(count(32, (at) => 1_700_000_000 + at * 5_000)) <= 14)
  assert.ok(sizeOf(count(32, (at) => 9_000_000 + at * 500 + ((at * 37) % 23))) <= 45)
})

test('seconds with microseconds cost a few bytes a sample, not eight', () => {
  assert.ok(sizeOf(count(32, (at) => Number((1_234.567891 + at * 0.012345).toFixed(6)))) <= 80)
})
