// Every fault of the lab, made real in its first variant and diagnosed: the cause is named first, and no other is.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mayUnshare } from '../src/cli/lab-process.ts'
import { healthyFleets, labFaults } from '../src/cli/lab-scene.ts'
import { scoreFaults } from '../src/cli/lab-score.ts'

const faults = await labFaults()
const healthy = await healthyFleets()
const skip = mayUnshare() ? false : 'needs root, for a network and mounts of its own'

describe('a fault is told by its name', { concurrency: 2 }, () => {
  for (const [id, { says }] of faults) {
    test(`${id}: ${says}`, { skip }, async () => {
      const { lines } = await scoreFaults({ seed: 1, only: id, variants: 1 })
      const [line] = lines
      assert.ok(line !== undefined && 'outcome' in line, JSON.stringify(line))
      assert.equal(line.outcome, 'right', JSON.stringify(line))
      assert.deepEqual(line.extra, [], JSON.stringify(line))
    })
  }
})

describe('a fleet that is odd and well has no root cause', { concurrency: 2 }, () => {
  for (const [id, { says }] of healthy) {
    test(`${id}: ${says}`, { skip }, async () => {
      const { lines } = await scoreFaults({ seed: 1, only: id, variants: 1 })
      const [line] = lines
      assert.ok(line !== undefined && 'outcome' in line, JSON.stringify(line))
      assert.equal(line.outcome, 'right', JSON.stringify(line))
    })
  }
})
