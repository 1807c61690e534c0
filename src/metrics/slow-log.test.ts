import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeSlowLog, parseSlowLog, type SlowCommand } from './slow-log.ts'

const entry = (id: number): SlowCommand => ({ id, at: 1, durationUs: 2, command: ['GET'], client: '', clientName: '' })
const ids = (log: { entries: readonly SlowCommand[] }): number[] => log.entries.map(({ id }) => id)

test('entries are taken once, in order, and those that were lost are counted', () => {
  const log = makeSlowLog()
  log.take([entry(5), entry(4)])
  log.take([entry(6), entry(5), entry(4)])
  assert.deepEqual(ids(log), [4, 5, 6])
  assert.equal(log.missed, 0, 'what was there before the first look is not missed')
  log.take([entry(10), entry(9)])
  assert.equal(log.missed, 2)
  assert.equal(log.lastId, 10)
})

test('ids that start anew belong to a new process', () => {
  const log = makeSlowLog()
  log.take([entry(50)])
  log.take([entry(1), entry(0)])
  assert.deepEqual(ids(log), [50, 0, 1])
  assert.equal(log.missed, 0)
})

test('at most 128 are kept', () => {
  const log = makeSlowLog()
  for (let id = 0; id < 300; id += 1) log.take([entry(id)])
  assert.equal(log.entries.length, 128)
  assert.equal(ids(log)[0], 172)
})

test('replies of old and new servers are read, and secrets do not get in', () => {
  const reply = [[1, 1700000000, 12, ['AUTH', 'secret'], '10.0.0.1:5', 'web'], [0, 1700000000, 9, ['GET', 'a']], 'odd']
  assert.deepEqual(parseSlowLog(reply), [
    { id: 1, at: 1700000000, durationUs: 12, command: ['AUTH', '(redacted)'], client: '10.0.0.1:5', clientName: 'web' },
    { id: 0, at: 1700000000, durationUs: 9, command: ['GET', 'a'], client: '', clientName: '' },
  ])
  assert.deepEqual(parseSlowLog(null), [])
})
