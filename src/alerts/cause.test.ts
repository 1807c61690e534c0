// What is told of the cause, and when: the first notice waits a moment for it, and never longer; what is found later is
// told as news of its own.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Timeline } from '../../test/alert-timeline.ts'
import type { Cause } from './cause.ts'

const WAIT_MS = 3_000

/** Somebody who looks for causes and finds this one after some seconds, or none when it is undefined. */
class Detective {
  cause: Cause | undefined
  looking = true
  readonly time: Timeline

  constructor() {
    this.time = new Timeline({
      causes: {
        waitMs: ({ life }) => (this.looking ? Math.max(0, life.activeAt + WAIT_MS - this.time.clock.now()) : 0),
        causeOf: () => this.cause,
      },
    })
  }

  finds(check: string): void {
    const nothing = { proof: [], not: [], helps: [], atRisk: [] }
    this.cause = { id: `${check} on h:1`, incident: 'orders-1', check, says: 'It is so.', ...nothing }
    this.looking = false
    this.time.alerts.causesChanged()
  }
}

describe('the cause of an alert', () => {
  it('is waited for by the first notice', async () => {
    const detective = new Detective()
    const { time } = detective
    time.sees('firing', 'RedisDown')
    await time.pass(1)
    time.want([])
    assert.equal(time.why('RedisDown'), 'awaits-diagnosis')
    detective.finds('process-stopped')
    await time.pass(1)
    time.want(['1s slack firing RedisDown'])
    assert.equal(time.told[0]?.notice.firing[0]?.cause?.check, 'process-stopped')
    await time.pass(120)
    assert.equal(time.told.length, 1)
  })

  it('is not waited for longer than that, and told when it is found, once', async () => {
    const detective = new Detective()
    const { time } = detective
    time.sees('firing', 'RedisDown')
    await time.pass(10)
    time.want(['3s slack firing RedisDown'])
    detective.finds('process-stopped')
    await time.pass(120)
    time.want(['3s slack firing RedisDown', '10s slack diagnosed RedisDown'])
  })

  it('was found while the alert was pending: nothing waits', async () => {
    const detective = new Detective()
    const { time } = detective
    time.sees('pending', 'RedisDown')
    await time.pass(1)
    detective.finds('process-stopped')
    time.sees('firing', 'RedisDown')
    await time.pass(1)
    time.want(['1s slack firing RedisDown'])
  })

  it('that turns out to be another one is told a minute after the last word', async () => {
    const detective = new Detective()
    const { time } = detective
    detective.finds('process-stopped')
    time.sees('firing', 'RedisDown')
    await time.pass(5)
    detective.finds('disk-stall')
    await time.pass(90)
    time.want(['0s slack firing RedisDown', '60s slack diagnosed RedisDown'])
  })
})
