// Killed at any moment and started again, on disks that take nothing, under clocks that are set: nothing is lost, nothing
// is told twice.

import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import * as fc from 'fast-check'
import { Timeline } from '../../test/alert-timeline.ts'
import { Alerts } from './alerts.ts'

const HOUR = 3_600
const escalating = { routes: [{ match: {}, to: ['slack', 'pagerduty'], escalateAfterMs: 600_000 }] }
const notifiers = ['slack', 'pagerduty']

/** Ten minutes and more in the life of a deployment; `at` may kill the process at any of its steps. */
async function story(time: Timeline, at: (step: number) => Promise<void>): Promise<void> {
  let step = 0
  const next = async (seconds: number): Promise<void> => {
    await time.pass(seconds)
    await at((step += 1))
  }
  time.sees('pending', 'RedisDown')
  await next(30)
  const id = time.sees('firing', 'RedisDown')
  await at((step += 1)) // before anybody could be told
  await next(1)
  time.sees('firing', 'RedisMissingMaster')
  await next(300)
  await next(400) // escalated
  time.alerts.acknowledge(id, { by: 'me', comment: '', forMs: HOUR * 1000 })
  await next(1)
  time.alerts.silencing.put({
    matchers: [{ name: 'alertname', value: 'RedisMissingMaster', isRegex: false, isEqual: true }],
    startsAtMs: time.clock.now(),
    endsAtMs: time.clock.now() + 5 * HOUR * 1000,
    createdBy: 'me',
    comment: 'known',
  })
  time.alerts.silencesChanged()
  await next(600)
  time.sees('resolved', 'RedisDown')
  await at((step += 1)) // before anybody could be told
  await next(90)
  time.sees('firing', 'RedisDown')
  await next(60)
  time.sees('resolved', 'RedisDown')
  await next(90)
  time.sees('firing', 'RedisDown') // for the third time
  await next(60)
  time.sees('resolved', 'RedisDown')
  await next(60) // flapping
  await next(600)
  await next(5 * HOUR) // the silence ends
  time.sees('resolved', 'RedisMissingMaster')
  await next(100)
}

const without = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/^\d+s /, ''))

async function toldIn(restartAt: readonly number[], setMs = 0): Promise<string[]> {
  const time = new Timeline({ notifiers, settings: escalating })
  await story(time, async (step) => {
    if (!restartAt.includes(step)) return
    time.clock.set(setMs)
    await time.restart()
  })
  return without(time.lines())
}

const STEPS = 16

describe('a restart', () => {
  it('in any state changes nothing of what is told', async () => {
    const whole = await toldIn([])
    assert.ok(whole.length >= 12, whole.join('\n'))
    for (let step = 1; step <= STEPS; step += 1) assert.deepEqual(await toldIn([step]), whole, `after step ${step}`)
    const everywhere = Array.from({ length: STEPS }, (_none, at) => at + 1)
    assert.deepEqual(await toldIn(everywhere), whole)
  })

  it('in the middle of an attempt tells again what may not have arrived', async () => {
    const time = new Timeline()
    time.answers.set('slack', () => new Promise(() => undefined))
    time.sees('firing', 'RedisDown')
    await time.pass(2)
    assert.equal(time.why('RedisDown'), 'under-way')
    time.answers.delete('slack')
    await time.restart()
    await time.pass(1)
    time.want(['3s slack firing RedisDown'])
  })

  it('while a notifier is down forgets nothing, not even what ended meanwhile', async () => {
    const time = new Timeline()
    time.answers.set('slack', () => ({ kind: 'retry', says: '503' }))
    time.sees('firing', 'RedisDown')
    await time.pass(120)
    time.sees('resolved', 'RedisDown')
    await time.pass(60)
    await time.restart()
    time.answers.delete('slack')
    await time.pass(60)
    assert.match(time.lines().join(), /^\d+s slack resolved RedisDown$/)
    assert.equal(time.told[0]?.notice.resolved[0]?.startsAt, time.clock.now() - 241_000)
  })

  it('after which no rule speaks of an alert any more ends it after five minutes', async () => {
    const time = new Timeline()
    time.sees('firing', 'RedisDown')
    await time.pass(10)
    time.clock.forgetTimers()
    const alerts = new Alerts({
      settings: time.settings,
      senders: new Map([
        [
          'slack',
          {
            tells: '',
            people: true,
            acknowledges: false,
            send: async (notice) => {
              time.told.push({ atMs: time.clock.monotonic(), notice })
              return { kind: 'delivered', says: '' }
            },
          },
        ],
      ]),
      state: time.state,
      topology: { hostOf: () => undefined, linkedWith: () => [], isKnown: () => true },
      subjectOf: () => undefined,
      externalUrl: () => '',
      clock: time.clock,
      notices: time.notices,
    })
    await time.silentlyPass(299)
    assert.equal(alerts.list()[0]?.alert.life.state, 'firing')
    await time.silentlyPass(2)
    time.want(['0s slack firing RedisDown', '310s slack resolved RedisDown'])
  })

  it('tells nothing of what a deeper cause held back, while that cause is not recognised again yet', async () => {
    let isKnown = true
    const linkedWith = (): string[] => (isKnown ? ['b:1'] : [])
    const time = new Timeline({ topology: { hostOf: () => undefined, linkedWith, isKnown: () => isKnown } })
    time.sees('firing', 'RedisDown', { instance: 'a:1' })
    time.sees('firing', 'RedisDisconnectedSlaves', { instance: 'b:1' })
    await time.pass(30)
    isKnown = false
    await time.restart()
    await time.pass(10)
    assert.equal(time.why('RedisDisconnectedSlaves'), 'settling')
    isKnown = true
    await time.pass(10)
    assert.equal(time.why('RedisDisconnectedSlaves'), 'inhibited')
    time.want(['0s slack firing RedisDown'])
    // Nothing is known again for long: then it is told all the same.
    isKnown = false
    await time.restart()
    await time.pass(20)
    assert.match(time.lines()[1] ?? '', /slack firing RedisDisconnectedSlaves$/)
  })

  it('with a damaged record starts all the same', async () => {
    const time = new Timeline()
    time.sees('firing', 'RedisDown')
    await time.pass(1)
    time.db.exec(`UPDATE alert_records SET record = substr(record, 1, 40)`)
    await time.restart()
    await time.pass(1)
    time.want(['0s slack firing RedisDown', '2s slack firing RedisDown']) // what nobody remembers is told again
  })
})

describe('a clock that is set', () => {
  it('back or forward tells nothing twice and loses nothing', async () => {
    const plain = new Timeline()
    const moved = new Timeline()
    for (const time of [plain, moved]) {
      time.sees('firing', 'RedisDown')
      await time.pass(600)
      if (time === moved) time.clock.set(-3 * HOUR * 1000)
      await time.pass(600)
      if (time === moved) time.clock.set(9 * HOUR * 1000)
      await time.pass(4 * HOUR)
      time.sees('resolved', 'RedisDown')
      await time.pass(60)
    }
    assert.deepEqual(moved.lines(), plain.lines())
    assert.equal(plain.told.length, 3)
  })

  it('back while Respite was away tells nothing twice', async () => {
    const time = new Timeline()
    time.sees('firing', 'RedisDown')
    await time.pass(60)
    time.clock.set(-6 * HOUR * 1000)
    await time.restart()
    await time.pass(3.9 * HOUR)
    time.want(['0s slack firing RedisDown'])
    await time.pass(0.2 * HOUR)
    assert.equal(time.told.length, 2) // the repeat
  })
})

describe('a full disk', () => {
  it('keeps nobody from being told, is said once, and what it missed is written later', async () => {
    const time = new Timeline()
    const { page_count: pages } = time.db.prepare('PRAGMA page_count').get() as { page_count: number }
    time.db.exec(`PRAGMA max_page_count = ${pages}`)
    const labels = { long: 'x'.repeat(20_000) }
    time.sees('firing', 'RedisDown', labels)
    await time.pass(60)
    time.want(['0s slack firing RedisDown'])
    assert.equal(time.alerts.unkept, 'the disk is full')
    assert.deepEqual(
      time.notices.recent.map(({ level, text }) => [level, /memory only: the disk is full/.test(text)]),
      [['error', true]],
    )
    time.db.exec('PRAGMA max_page_count = 1000000')
    await time.pass(30)
    assert.equal(time.alerts.unkept, undefined)
    await time.restart()
    await time.pass(60)
    time.want(['0s slack firing RedisDown'])
  })

  it('keeps silences and acknowledgements until they can be written', async () => {
    const time = new Timeline()
    const id = time.sees('firing', 'RedisDown')
    await time.pass(1)
    time.db.exec('PRAGMA query_only = ON')
    time.alerts.acknowledge(id, { by: 'me', comment: '', forMs: 10 * HOUR * 1000 })
    await time.pass(60)
    assert.equal(time.why('RedisDown'), 'acknowledged')
    time.db.exec('PRAGMA query_only = OFF')
    await time.pass(60)
    await time.restart()
    await time.pass(5 * HOUR)
    time.want(['0s slack firing RedisDown'])
  })
})

type Step =
  | { readonly do: 'fire' | 'resolve'; readonly alert: number }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'restart' | 'down' | 'up' | 'clock' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('fire' as const, 'resolve' as const), alert: fc.nat(3) }),
  fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 30, 700) }),
  fc.record({ do: fc.constantFrom('restart' as const, 'down' as const, 'up' as const, 'clock' as const) }),
)

test('whatever happens, everybody knows in the end what fires, and heard of nothing twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const time = new Timeline()
      const fires = new Set<string>()
      for (const one of steps) await play(time, one, fires)
      time.answers.clear()
      await time.pass(1_200)
      assert.deepEqual(believedIn(time), fires)
    }),
    { numRuns: 60 },
  )
})

async function play(time: Timeline, one: Step, fires: Set<string>): Promise<void> {
  if (one.do === 'wait') await time.pass(one.seconds)
  else if (one.do === 'restart') await time.restart()
  else if (one.do === 'clock') time.clock.set(-1_800_000)
  else if (one.do === 'down') time.answers.set('slack', () => ({ kind: 'retry', says: '503' }))
  else if (one.do === 'up') time.answers.clear()
  else {
    const name = `Alert${'alert' in one ? one.alert : 0}`
    if (one.do === 'resolve' && !fires.has(name)) return
    time.sees(one.do === 'fire' ? 'firing' : 'resolved', name)
    if (one.do === 'fire') fires.add(name)
    else fires.delete(name)
  }
}

/** What somebody believes to fire who reads all notices; fails where one tells what was told. */
function believedIn(time: Timeline): Set<string> {
  const believed = new Set<string>()
  for (const { notice } of time.told) {
    for (const { name, news } of notice.firing) {
      if (news && notice.kind === 'firing') assert.ok(!believed.has(name), `${name} is told twice`)
      if (news) believed.add(name)
    }
    for (const { name } of notice.resolved) believed.delete(name)
  }
  return believed
}
