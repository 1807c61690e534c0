// Incidents over time, on a clock that the test moves: opened by what is pending, joined by what has the same cause, parted
// by what has not, closed when all is quiet, and known again after a restart.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FakeClock } from '../../test/fake-clock.ts'
import { Chronicle } from './chronicle.ts'
import type { Finding } from './diagnose.ts'
import type { Incident, IncidentAlert } from './incident.ts'
import { Incidents, type Looked } from './incidents.ts'

const NOTHING: Looked = { findings: [], undecided: [], couldNotLook: [], asked: {}, atRisk: [] }

function root(check: string, server: string, explains: readonly string[]): Finding {
  const says = `${check} is so`
  return {
    check,
    server,
    says,
    explains,
    kind: 'fault',
    severity: 'critical',
    evidence: [],
    ruledOut: [],
    root: true,
    actions: [],
  }
}

class Story {
  readonly clock = new FakeClock()
  readonly chronicle = new Chronicle()
  readonly kept = new Map<string, Incident>()
  readonly troubles: string[] = []
  looks = 0
  readonly routine: boolean[] = [] // of each look
  changes = 0
  finds: () => Promise<Looked> = () => Promise.resolve(NOTHING)
  incidents = this.start()

  start(): Incidents {
    return new Incidents({
      chance: () => 1,
      clock: this.clock,
      chronicle: this.chronicle,
      waitMs: 3_000,
      records: {
        list: () => [...this.kept.values()].toReversed(),
        put: (incident) => void this.kept.set(incident.id, incident),
      },
      look: (_deployment, isRoutine) => {
        this.looks += 1
        this.routine.push(isRoutine)
        return this.finds()
      },
      onChange: () => void (this.changes += 1),
      onTrouble: (says) => void this.troubles.push(says),
    })
  }

  sees(state: IncidentAlert['state'], name: string, server = 'a'): void {
    const now = this.clock.now()
    const times = state === 'firing' ? { firedAt: now } : state === 'resolved' ? { resolvedAt: now } : {}
    const alert = {
      fingerprint: `${name} ${server}`,
      name,
      server,
      severity: 'critical',
      summary: '',
      state,
      activeAt: now,
      ...times,
    }
    this.incidents.take('orders', alert)
  }

  open(): readonly Incident[] {
    return this.incidents.list().filter(({ closedAt }) => closedAt === undefined)
  }
}

describe('an incident', () => {
  test('is opened by what is pending, and looked into at once', async () => {
    const story = new Story()
    story.finds = () => Promise.resolve({ ...NOTHING, findings: [root('process-stopped', 'a', ['RedisDown'])] })
    story.sees('pending', 'RedisDown')
    assert.equal(story.incidents.waitMs({ fingerprint: 'RedisDown a', activeAt: story.clock.now() }), 3_000)
    await story.clock.advance(10)
    assert.equal(story.looks, 1)
    assert.equal(story.open()[0]?.cause, 'process-stopped on a')
    assert.equal(story.incidents.waitMs({ fingerprint: 'RedisDown a', activeAt: story.clock.now() }), 0)
    assert.equal(story.incidents.causeOf('RedisDown a')?.root.check, 'process-stopped')
  })

  test('is one for all alerts of one cause, and two for two causes', async () => {
    const story = new Story()
    story.finds = () =>
      Promise.resolve({
        ...NOTHING,
        findings: [root('process-stopped', 'a', ['RedisDown']), root('rdb-disk-full', 'b', ['PersistenceFailure'])],
      })
    story.sees('firing', 'RedisDown', 'a')
    story.sees('firing', 'PersistenceFailure', 'b')
    await story.clock.advance(5_000)
    assert.deepEqual(
      story
        .open()
        .map(({ cause, alerts }) => `${cause}: ${alerts.map(({ name }) => name).join(' ')}`)
        .toSorted(),
      ['process-stopped on a: RedisDown', 'rdb-disk-full on b: PersistenceFailure'],
    )
  })

  test('closes half a minute after the last alert is over, and not when one comes back', async () => {
    const story = new Story()
    story.sees('firing', 'RedisDown')
    await story.clock.advance(5_000)
    story.sees('resolved', 'RedisDown')
    await story.clock.advance(20_000)
    story.sees('firing', 'RedisDown')
    await story.clock.advance(60_000)
    assert.equal(story.open().length, 1)
    story.sees('resolved', 'RedisDown')
    await story.clock.advance(31_000)
    assert.equal(story.open().length, 0)
    const [closed] = story.incidents.list()
    assert.deepEqual(
      closed?.timeline.map(({ says }) => says),
      ['RedisDown is firing', 'RedisDown is resolved', 'RedisDown is firing', 'RedisDown is resolved'],
    )
    const { looks } = story
    await story.clock.advance(600_000)
    assert.equal(story.looks, looks, 'nobody looks any more')
  })

  test('of alerts that never fired is dropped', async () => {
    const story = new Story()
    story.sees('pending', 'RedisDown')
    await story.clock.advance(1_000)
    story.sees('resolved', 'RedisDown')
    await story.clock.advance(31_000)
    assert.deepEqual(story.incidents.list(), [])
    assert.deepEqual(
      [...story.kept.values()].map(({ alerts }) => alerts.length),
      [0],
    )
  })

  test('is looked into again when something changes, never twice at once, and keeps what was found when it is mended', async () => {
    const story = new Story()
    const first = Promise.withResolvers<Looked>()
    story.finds = () => first.promise
    story.sees('firing', 'RedisDown')
    await story.clock.advance(10)
    story.incidents.lookSoon('orders')
    story.incidents.lookSoon('orders')
    await story.clock.advance(1_000)
    assert.equal(story.looks, 1)
    story.finds = () => Promise.resolve(NOTHING)
    first.resolve({ ...NOTHING, findings: [root('process-stopped', 'a', ['RedisDown'])] })
    await story.clock.advance(1) // it ends, and begins to wait for the next
    await story.clock.advance(3_000)
    assert.equal(story.looks, 2)
    assert.equal(story.open()[0]?.findings[0]?.check, 'process-stopped')
  })

  test('that stays as it is, is looked into less and less often, until something is new', async () => {
    const story = new Story()
    story.finds = () => Promise.resolve({ ...NOTHING, findings: [root('process-stopped', 'a', ['RedisDown'])] })
    story.sees('firing', 'RedisDown')
    for (const [after, looks] of [
      [1, 1],
      [60, 2],
      [100, 2],
      [30, 3],
      [240, 4],
    ] as const) {
      await story.clock.advance(after * 1_000)
      assert.equal(story.looks, looks)
    }
    story.finds = () => Promise.resolve({ ...NOTHING, findings: [root('process-down', 'a', ['RedisDown'])] })
    story.incidents.lookSoon('orders')
    await story.clock.advance(2_100)
    assert.equal(story.looks, 5)
    await story.clock.advance(60_000)
    assert.equal(story.looks, 6)
    assert.deepEqual(story.routine, [false, true, true, true, false, true])
  })

  test('whose look fails is told so, and nobody waits for it', async () => {
    const story = new Story()
    story.finds = () => Promise.reject(new Error('no such folder'))
    story.sees('firing', 'RedisDown')
    await story.clock.advance(10)
    assert.deepEqual(story.troubles, ['orders could not be diagnosed: no such folder'])
    assert.equal(story.incidents.waitMs({ fingerprint: 'RedisDown a', activeAt: story.clock.now() }), 0)
  })

  test('knows what happened a while before it, and is known after a restart', async () => {
    const story = new Story()
    story.chronicle.note('orders', {
      at: story.clock.now(),
      kind: 'configuration',
      server: 'a',
      says: 'maxmemory is 1mb now',
    })
    await story.clock.advance(60_000)
    story.sees('firing', 'MemoryFull')
    await story.clock.advance(10)
    assert.equal(story.open()[0]?.timeline[0]?.says, 'maxmemory is 1mb now')
    story.incidents.stop()
    story.incidents = story.start()
    assert.equal(story.incidents.list().length, 1)
    assert.equal(story.open().length, 0, 'its alerts open another, when they still fire')
  })
})
