// A fleet is spread over the interval, and each server keeps its place.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { phaseOf } from './phase.ts'

test('two hundred servers fill all tenths of a second, each always in its own place', () => {
  const phases = Array.from({ length: 200 }, (_none, at) => phaseOf(`10.0.0.${at}:6379`, 1_000))
  assert.equal(new Set(phases.map((ms) => Math.floor(ms / 100))).size, 10)
  assert.ok(phases.every((ms) => ms >= 0 && ms < 1_000))
  assert.equal(phaseOf('10.0.0.7:6379', 1_000), phases[7])
})
