import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../test/fake-clock.ts'
import type { ServerFacts } from './handshake.ts'
import { Strangers } from './strangers.ts'
import type { Histories } from './timeline.ts'

const OURS = { replid: 'a', offset: 100, db: 0 }

function facts(role: ServerFacts['role'], histories: Partial<Histories>): ServerFacts {
  const all = { replid: 'b', offset: 200, earlier: undefined, earlierUpTo: -1, ...histories }
  return { flavour: 'redis', version: '7.0.15', role, histories: all }
}

const other = facts('primary', {})
const late = facts('replica', { replid: 'a', offset: 90 })

test('who has our history is no stranger, also under the id that it had before it was promoted', () => {
  const strangers = new Strangers(new FakeClock())
  assert.equal(strangers.turnsAway('x', facts('replica', { replid: 'a', offset: 100 }), OURS), undefined)
  assert.equal(strangers.turnsAway('x', facts('primary', { earlier: 'a', earlierUpTo: 100 }), OURS), undefined)
  assert.equal(strangers.turnsAway('x', { ...other, histories: undefined }, OURS), undefined)
  assert.equal(strangers.avoided.size, 0)
})

test('who does not know it is left once, and believed when it is still the one to follow', async () => {
  const clock = new FakeClock()
  const strangers = new Strangers(clock)
  assert.match(strangers.turnsAway('x', other, OURS) ?? '', /does not know our history/)
  assert.deepEqual([...strangers.avoided], ['x'])
  strangers.found('y')
  await clock.advance(strangers.nextMs ?? 0)
  assert.equal(strangers.avoided.size, 0)
  assert.equal(strangers.turnsAway('x', other, OURS), undefined)
})

test('a replica that is behind is waited for, and believed only when it does not catch up and there is nobody else', async () => {
  const clock = new FakeClock()
  const strangers = new Strangers(clock)
  assert.match(strangers.turnsAway('x', late, OURS) ?? '', /at offset 90 and not 100/)
  await clock.advance(9_000)
  assert.ok(strangers.turnsAway('x', late, OURS))
  strangers.found('y')
  await clock.advance(2_000)
  assert.ok(strangers.turnsAway('x', late, OURS)) // somebody else streamed meanwhile
  await clock.advance(11_000)
  assert.equal(strangers.turnsAway('x', late, OURS), undefined)
})
