// Whoever waits too long is told so once, and nobody else is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../lab/until.ts'
import { Patience } from './patience.ts'

test('each wait has its own time, also when the alarm was set for an older one', async () => {
  const forMs = 50
  const patience = new Patience(forMs)
  const late: [name: string, afterMs: number][] = []
  const begin = (name: string): { isOver: boolean } => {
    const begunAt = performance.now()
    return patience.begin(() => late.push([name, performance.now() - begunAt]))
  }
  const answered = begin('answered')
  begin('lost')
  answered.isOver = true
  await until('the first is told', () => late.length === 1)
  const inTime = begin('in time')
  begin('lost later')
  inTime.isOver = true
  await until('the second is told', () => late.length === 2)
  assert.deepEqual(
    late.map(([name]) => name),
    ['lost', 'lost later'],
  )
  for (const [name, afterMs] of late) assert.ok(afterMs >= forMs, `${name} waited ${afterMs} ms`)
})

test('when it is stopped nobody is told, and nothing keeps the process alive', () => {
  const before = process.getActiveResourcesInfo().length
  const patience = new Patience(60_000)
  patience.begin(() => assert.fail('told'))
  patience.begin(() => assert.fail('told'))
  patience.stop()
  assert.equal(process.getActiveResourcesInfo().length, before)
})
