// What people are told of alerts, when, and how often: timelines on a clock that the test moves. Restarts and what goes
// wrong have files of their own.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Timeline } from '../../test/alert-timeline.ts'
import { Fault } from '../lib/fault.ts'
import type { Topology } from './inhibition.ts'
import { WHY_NOT } from './why-not.ts'

const HOUR = 3_600

describe('an alert', () => {
  it('is told once when it fires, at once; not while it is pending; and its end is told', async () => {
    const time = new Timeline()
    time.sees('pending', 'RedisDown')
    await time.pass(60)
    assert.equal(time.why('RedisDown'), 'pending')
    time.sees('firing', 'RedisDown')
    await time.silentlyPass(0.5)
    time.want(['60s slack firing RedisDown'])
    await time.pass(600)
    assert.equal(time.why('RedisDown'), 'already-told')
    time.sees('resolved', 'RedisDown')
    await time.pass(60)
    time.want(['60s slack firing RedisDown', '661s slack resolved RedisDown'])
  })

  it('is repeated every four hours while it fires', async () => {
    const time = new Timeline()
    time.sees('firing', 'RedisDown')
    await time.pass(9 * HOUR)
    time.want(['0s slack firing RedisDown', '14400s slack repeat RedisDown', '28800s slack repeat RedisDown'])
  })

  it('that never fired is told to nobody', async () => {
    const time = new Timeline()
    time.sees('pending', 'RedisDown')
    await time.pass(30)
    time.sees('resolved', 'RedisDown')
    await time.pass(HOUR)
    time.want([])
    assert.deepEqual(time.alerts.list(), [])
  })

  it('of one evaluation is told with the others of its deployment, and not with those of another', async () => {
    const time = new Timeline()
    for (const name of ['RedisDown', 'RedisMissingMaster']) time.sees('firing', name)
    time.sees('firing', 'RedisDown', { deployment: 'sessions' })
    await time.pass(10)
    assert.deepEqual(time.lines(), ['0s slack firing RedisDown RedisMissingMaster', '0s slack firing RedisDown'])
    assert.deepEqual(
      time.told.map(({ notice }) => notice.groupKey),
      ['{}:{deployment="orders"}', '{}:{deployment="sessions"}'],
    )
  })

  it('that comes later is told at once, with those that still fire beside it', async () => {
    const time = new Timeline()
    time.sees('firing', 'RedisDown')
    await time.pass(10)
    time.sees('firing', 'RedisMissingMaster')
    await time.pass(1)
    time.want(['0s slack firing RedisDown', '10s slack firing RedisMissingMaster'])
    assert.deepEqual(
      time.told[1]?.notice.firing.map(({ name }) => name),
      ['RedisDown', 'RedisMissingMaster'],
    )
  })

  it('that ends while others of its group fire is told with those that end within the minute', async () => {
    const time = new Timeline()
    for (const name of ['A', 'B', 'C']) time.sees('firing', name)
    await time.pass(10)
    time.sees('resolved', 'A')
    await time.pass(10)
    assert.equal(time.why('A'), 'waits-for-more')
    time.sees('resolved', 'B')
    await time.pass(60)
    time.want(['0s slack firing A B C', '60s slack resolved A B'])
  })

  it('that comes and goes is told twice, and its end is believed after five quiet minutes', async () => {
    const time = new Timeline()
    for (let round = 0; round < 6; round += 1) {
      time.sees('firing', 'RedisDown')
      await time.pass(20)
      time.sees('resolved', 'RedisDown')
      await time.pass(20)
    }
    assert.equal(time.why('RedisDown'), 'flapping')
    await time.pass(400)
    assert.deepEqual(
      time.lines().map((line) => line.split(' ').slice(1).join(' ')),
      [
        'slack firing RedisDown',
        'slack resolved RedisDown',
        'slack firing RedisDown',
        'slack resolved RedisDown',
        'slack firing RedisDown',
        'slack resolved RedisDown', // the third time, until it was quiet
      ],
    )
    const last = time.told.at(-1)
    assert.equal(Math.round((last?.atMs ?? 0) / 1000), 5 * 40 + 20 + 300)
    assert.equal(time.told.at(-2)?.notice.firing[0]?.flapping, true)
  })
})

describe('nobody is told', () => {
  const silence = (time: Timeline, fromSeconds: number, toSeconds: number): string => {
    const now = time.clock.now()
    const id = time.alerts.silencing.put({
      matchers: [{ name: 'alertname', value: 'Redis.*', isRegex: true, isEqual: true }],
      startsAtMs: now + fromSeconds * 1000,
      endsAtMs: now + toSeconds * 1000,
      createdBy: 'me',
      comment: 'upgrade',
    })
    time.alerts.silencesChanged()
    return id
  }

  it('of what is silenced, until the silence ends', async () => {
    const time = new Timeline()
    silence(time, 0, 600)
    time.sees('firing', 'RedisDown')
    time.sees('firing', 'Other')
    await time.pass(599)
    assert.equal(time.why('RedisDown'), 'silenced')
    await time.pass(2)
    time.want(['0s slack firing Other', '600s slack firing RedisDown'])
  })

  it('of what is silenced later, but of its end, when they know that it fired', async () => {
    const time = new Timeline()
    time.sees('firing', 'RedisDown')
    await time.pass(10)
    const id = silence(time, 0, 10 * HOUR)
    await time.pass(5 * HOUR)
    time.want(['0s slack firing RedisDown'])
    time.sees('resolved', 'RedisDown')
    await time.pass(10)
    assert.match(time.lines()[1] ?? '', /slack resolved RedisDown/)
    time.alerts.silencing.expire(id)
    assert.throws(() => time.alerts.silencing.expire('nothing'), Fault)
  })

  it('of what is under maintenance', async () => {
    const from = new Timeline().clock.now()
    const window = { deployment: 'orders', fromMs: from + 60_000, toMs: from + 120_000, reason: 'upgrade' }
    const time = new Timeline({ settings: { maintenance: [window] } })
    await time.pass(70)
    time.sees('firing', 'RedisDown')
    time.sees('firing', 'RedisDown', { deployment: 'sessions' })
    await time.pass(1)
    assert.equal(time.why('RedisDown'), 'maintenance')
    await time.pass(60)
    time.want(['70s slack firing RedisDown', '120s slack firing RedisDown'])
  })

  it('of what has a deeper cause, until that is over and what it broke had time to recover', async () => {
    const topology: Topology = {
      hostOf: (_deployment, server) => server.split(':')[0],
      linkedWith: (_deployment, server) => (server === 'a:1' ? ['b:1'] : ['a:1']),
      isKnown: () => true,
    }
    const time = new Timeline({ topology })
    time.sees('firing', 'RedisDown', { instance: 'a:1' })
    time.sees('firing', 'RedisReplicationBroken', { instance: 'b:1' })
    time.sees('firing', 'RedisDisconnectedSlaves')
    time.sees('firing', 'RedisHighLatency', { instance: 'a:1' })
    time.sees('firing', 'RedisHighLatency', { instance: 'c:1' }) // another server
    time.sees('firing', 'SomethingElse', { instance: 'a:1' }) // of no layer
    await time.pass(60)
    time.want(['0s slack firing RedisDown RedisHighLatency SomethingElse'])
    assert.equal(time.why('RedisReplicationBroken'), 'inhibited')
    time.sees('resolved', 'RedisDown', { instance: 'a:1' })
    await time.pass(10)
    assert.equal(time.why('RedisReplicationBroken'), 'recovering')
    time.sees('firing', 'RedisReplicationLag', { instance: 'b:1' }) // begins after it: none of its symptoms
    time.sees('resolved', 'RedisHighLatency', { instance: 'a:1' })
    await time.pass(10)
    assert.match(time.lines()[1] ?? '', /^60s slack resolved RedisDown$/)
    assert.match(time.lines()[2] ?? '', /^70s slack firing RedisReplicationLag$/)
    await time.pass(20)
    assert.match(time.lines()[3] ?? '', /^9\ds slack firing RedisReplicationBroken RedisDisconnectedSlaves$/)
  })

  it('of something critical by a warning: it hides only what is no worse', async () => {
    const time = new Timeline({ topology: { hostOf: () => 'h', linkedWith: () => [], isKnown: () => true } })
    time.sees('firing', 'Disk', { instance: 'a:1', layer: 'host', severity: 'warning' })
    time.sees('firing', 'RedisDown', { instance: 'a:1' })
    await time.pass(1)
    time.want(['0s slack firing RedisDown Disk'])
  })

  it('where no route leads, nor of the watchdog; machines are', async () => {
    const time = new Timeline({
      notifiers: ['slack', 'webhook'],
      senders: { webhook: { people: false } },
      settings: {
        routes: [
          { match: { severity: 'critical' }, to: ['slack'] },
          { match: { severity: 'none' }, to: ['slack', 'webhook'] },
        ],
      },
    })
    time.sees('firing', 'Watchdog', { severity: 'none' })
    time.sees('firing', 'RedisDown')
    time.sees('firing', 'RedisSlow', { severity: 'warning' })
    await time.pass(1)
    assert.deepEqual([time.why('Watchdog'), time.why('RedisDown', 'webhook')], ['watchdog', 'no-route'])
    assert.equal(time.why('RedisSlow'), 'no-route')
    assert.deepEqual(time.lines().toSorted(), ['0s slack firing RedisDown', '0s webhook firing Watchdog'])
  })

  it('without a reason that can be read', () => {
    for (const [why, says] of Object.entries(WHY_NOT)) assert.ok(says.length > 10, why)
  })
})

describe('escalation', () => {
  const settings = { routes: [{ match: {}, to: ['slack', 'pagerduty', 'email'], escalateAfterMs: 600_000 }] }
  const notifiers = ['slack', 'pagerduty', 'email']

  it('tells one after the other, each once', async () => {
    const time = new Timeline({ notifiers, settings })
    time.sees('firing', 'RedisDown')
    await time.pass(300)
    assert.equal(time.why('RedisDown', 'pagerduty'), 'not-yet-escalated')
    await time.pass(HOUR)
    time.want(['0s slack firing RedisDown', '600s pagerduty escalation RedisDown', '1200s email escalation RedisDown'])
    time.sees('resolved', 'RedisDown')
    await time.pass(1)
    assert.equal(time.told.length, 6) // all three hear of the end
  })

  it('ends with an acknowledgement, which also ends repeats, until it runs out', async () => {
    const acknowledges = { pagerduty: { acknowledges: true }, slack: { acknowledges: true } }
    const time = new Timeline({ notifiers, settings, senders: acknowledges })
    const id = time.sees('firing', 'RedisDown')
    await time.pass(700)
    const ack = time.alerts.acknowledge(id.slice(0, 8), { by: 'me', comment: 'on it', forMs: 5 * HOUR * 1000 })
    assert.equal(ack.fingerprint, id)
    await time.pass(4.9 * HOUR)
    assert.equal(time.why('RedisDown'), 'acknowledged')
    assert.equal(time.why('RedisDown', 'email'), 'acknowledged')
    const told = ['0s slack firing RedisDown', '600s pagerduty escalation RedisDown']
    const acked = ['700s slack acknowledged RedisDown', '700s pagerduty acknowledged RedisDown']
    time.want([...told, ...acked])
    assert.equal(time.told[2]?.notice.firing[0]?.ack?.comment, 'on it')
    await time.pass(HOUR)
    assert.deepEqual(time.lines().slice(4).toSorted(), [
      '18700s email escalation RedisDown',
      '18700s pagerduty repeat RedisDown',
      '18700s slack repeat RedisDown',
    ])
  })

  it('does not wait for somebody who cannot be told at all', async () => {
    const time = new Timeline({ notifiers, settings })
    time.answers.set('slack', () => ({ kind: 'refused', says: '404 no_service' }))
    time.sees('firing', 'RedisDown')
    await time.pass(10)
    time.want(['0s pagerduty escalation RedisDown'])
    assert.equal(time.why('RedisDown'), 'refused')
  })

  it('refuses to acknowledge what does not fire, or what is not one alert', () => {
    const time = new Timeline()
    for (const id of ['', 'nothing']) assert.throws(() => time.alerts.acknowledge(id, { by: 'me', comment: '' }), Fault)
  })
})
