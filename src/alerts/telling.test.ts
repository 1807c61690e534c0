// Notifiers that fail: down, slow, refusing, never answering; and ten thousand alerts at once.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Timeline } from '../../test/alert-timeline.ts'
import type { Outcome } from './notifier.ts'

const down: Outcome = { kind: 'retry', says: '503 maintenance' }

describe('a notifier', () => {
  it('that is down is tried again, ever less often, and then told how things are by then', async () => {
    const time = new Timeline()
    time.answers.set('slack', () => down)
    time.sees('firing', 'RedisDown')
    await time.pass(40)
    assert.equal(time.why('RedisDown'), 'retry-waits')
    time.sees('firing', 'RedisMissingMaster')
    time.answers.clear()
    await time.pass(60)
    time.want(['63s slack firing RedisDown RedisMissingMaster'])
    const attempts = time.alerts.deliveries(20).toReversed()
    assert.deepEqual(
      attempts.map(({ atMs, attempt, outcome }) => [
        Math.round((atMs - (attempts[0]?.atMs ?? 0)) / 1000),
        attempt,
        outcome,
      ]),
      [
        [0, 1, 'retry'],
        [1, 2, 'retry'],
        [3, 3, 'retry'],
        [7, 4, 'retry'],
        [15, 5, 'retry'],
        [31, 6, 'retry'],
        [63, 7, 'delivered'],
      ],
    )
    const said = time.notices.recent.map(({ level, text }) => `${level} ${text}`)
    assert.deepEqual(said, ['error slack cannot be told: 503 maintenance', 'info slack can be told again'])
  })

  it('that asks for time is given it', async () => {
    const time = new Timeline()
    time.answers.set('slack', () => ({ kind: 'retry', says: '429', afterMs: 90_000 }))
    time.sees('firing', 'RedisDown')
    await time.pass(1)
    time.answers.clear()
    await time.pass(120)
    time.want(['90s slack firing RedisDown'])
  })

  it('that refuses is left alone until the next repeat, or another configuration', async () => {
    const time = new Timeline()
    let asked = 0
    time.answers.set('slack', () => ({ kind: 'refused', says: `404 ${(asked += 1)}` }))
    time.sees('firing', 'RedisDown')
    await time.pass(3_600)
    assert.equal(asked, 1)
    assert.equal(time.alerts.deliveries(1)[0]?.outcome, 'refused')
    time.answers.clear()
    await time.restart() // what was refused is remembered
    await time.pass(60)
    time.want([])
    const send = async (): Promise<Outcome> => ({ kind: 'delivered', says: `${(asked += 1)}` })
    time.alerts.reconfigure(time.settings, new Map([['slack', { tells: '', people: true, acknowledges: false, send }]]))
    await time.pass(10)
    assert.equal(asked, 2)
  })

  it('that never answers holds up nobody else, is cut after ten seconds and tried again', async () => {
    const time = new Timeline({ notifiers: ['slack', 'email'] })
    let begun = 0
    time.answers.set('slack', () => {
      begun += 1
      return new Promise<Outcome>(() => undefined) // and does not heed its signal either
    })
    for (let group = 0; group < 8; group += 1) time.sees('firing', 'RedisDown', { deployment: `d${group}` })
    await time.pass(1)
    assert.equal(time.told.length, 8)
    assert.equal(begun, 4) // at a time
    await time.pass(9.5)
    assert.equal(begun, 8)
    assert.equal(time.alerts.deliveries(9).find(({ outcome }) => outcome === 'retry')?.says, 'no answer within 10 s')
    time.answers.clear()
    await time.pass(60)
    assert.equal(time.told.filter(({ notice }) => notice.notifier === 'slack').length, 8)
  })

  it('that throws is one that failed', async () => {
    const time = new Timeline()
    time.answers.set('slack', () => {
      throw new Error('a bug')
    })
    time.sees('firing', 'RedisDown')
    await time.pass(1)
    assert.equal(time.alerts.deliveries(1)[0]?.says, 'a bug')
  })

  it('can be tested', async () => {
    const time = new Timeline({ notifiers: ['slack', 'email'] })
    time.answers.set('email', () => down)
    assert.deepEqual(await time.alerts.test(), [
      { notifier: 'slack', outcome: { kind: 'delivered', says: 'ok' } },
      { notifier: 'email', outcome: down },
    ])
    await assert.rejects(time.alerts.test(['pagerduty']), /not configured/)
    assert.deepEqual(
      time.alerts
        .deliveries(2)
        .map(({ notifier, kind }) => `${notifier} ${kind}`)
        .toSorted(),
      ['email test', 'slack test'],
    )
  })
})

describe('ten thousand alerts at once', () => {
  const COUNT = 10_000

  it('are told each once, a notice for each deployment, over a restart too', async () => {
    const time = new Timeline()
    const started = process.cpuUsage()
    for (let at = 0; at < COUNT; at += 1)
      time.sees('firing', 'RedisDown', { deployment: `d${at % 20}`, instance: `10.0.0.${at}:6379` })
    await time.pass(10)
    assert.equal(time.told.length, 20)
    const told = time.told.flatMap(({ notice }) => notice.firing.map(({ fingerprint }) => fingerprint))
    assert.deepEqual([told.length, new Set(told).size], [COUNT, COUNT])
    await time.restart()
    await time.pass(10)
    assert.equal(time.told.length, 20)
    for (let at = 0; at < COUNT; at += 1)
      time.sees('resolved', 'RedisDown', { deployment: `d${at % 20}`, instance: `10.0.0.${at}:6379` })
    await time.pass(70)
    assert.equal(new Set(time.told.flatMap(({ notice }) => notice.resolved.map((one) => one.fingerprint))).size, COUNT)
    const { user, system } = process.cpuUsage(started)
    assert.ok(user + system < 20e6, `${(user + system) / 1e6} s of the processor`)
  })
})
