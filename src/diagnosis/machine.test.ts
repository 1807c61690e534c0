import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Machine } from './machine.ts'

test('many who ask at once are answered by one look, and who wants a fresh one gets it', async () => {
  const machine = new Machine()
  let looks = 0
  const look = (maxAgeMs: number): Promise<number> => machine.look('kernel', maxAgeMs, () => Promise.resolve(++looks))
  assert.deepEqual(await Promise.all([look(1_000), look(1_000), look(1_000)]), [1, 1, 1])
  assert.equal(await look(60_000), 1)
  assert.equal(await look(-1), 2)
})

test('a look that failed is tried again', async () => {
  const machine = new Machine()
  await assert.rejects(
    machine.look('firewall', 60_000, () => Promise.reject(new Error('no right'))),
    /no right/,
  )
  assert.equal(await machine.look('firewall', 60_000, () => Promise.resolve('rules')), 'rules')
})
