import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { fewAtOnce } from './few-at-once.ts'

test('no more than so many are under way, all are done in order, and one that fails makes room', async () => {
  const run = fewAtOnce(2)
  const begun: number[] = []
  let [underWay, most] = [0, 0]
  const work = (at: number) => async (): Promise<number> => {
    begun.push(at)
    most = Math.max(most, ++underWay)
    await turn()
    underWay -= 1
    if (at === 1) throw new Error('one fails')
    return at
  }
  const ended = await Promise.allSettled([0, 1, 2, 3, 4].map((at) => run(work(at))))
  assert.deepEqual(begun, [0, 1, 2, 3, 4])
  assert.equal(most, 2)
  assert.deepEqual(
    ended.map((each) => (each.status === 'fulfilled' ? each.value : 'failed')),
    [0, 'failed', 2, 3, 4],
  )
})
