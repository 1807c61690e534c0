import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as holds, constantFrom, double, maxSafeInteger, nat, oneof, property, tuple } from 'fast-check'
import { formatValue, NumberWriter } from './number-writer.ts'

const writer = new NumberWriter()

function written(value: number): string {
  writer.write(value)
  return Buffer.from(writer.bytes.subarray(writer.from)).toString('latin1')
}

test('every number has the digits that JavaScript gives it', () => {
  const edges = [0, -0, 1e-6, 1e-7, 0.1, 0.000_001_5, 999_999_999, 1e9, 1e15 - 1, 1e15, 1e21, 2 ** 53, NaN, Infinity]
  const decimal = tuple(maxSafeInteger(), constantFrom(10, 100, 1e3, 1e6, 1e7)).map(([whole, by]) => whole / by)
  const small = tuple(nat({ max: 2e9 }), constantFrom(1, 100, 1e3, 1e6)).map(([whole, by]) => whole / by)
  const value = oneof(double(), maxSafeInteger(), decimal, small, constantFrom(...edges))
  holds(
    property(value, (one) => {
      assert.equal(written(one), formatValue(one))
      assert.equal(writer.length, formatValue(one).length)
    }),
    { numRuns: 5_000 },
  )
})
