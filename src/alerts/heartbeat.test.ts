// The sign of life comes while alerts would come, and stops when they would not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../lab/until.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { startListener } from '../../test/listener.ts'
import { silentLog } from '../lib/log.ts'
import { makeNotices } from '../lib/notices.ts'
import { startHeartbeat } from './heartbeat.ts'

test('it beats every minute, not while something is wrong here, and says when it cannot be sent', async (t) => {
  const listener = await startListener(t)
  const clock = new FakeClock()
  const notices = makeNotices(clock, silentLog)
  let unwell: string | undefined
  const heartbeat = startHeartbeat({
    settings: { url: listener.url, everyMs: 60_000 },
    unwell: () => unwell,
    clock,
    notices,
  })
  t.after(() => heartbeat.stop())
  const beats = async (count: number): Promise<void> => {
    await until(`${count} beats have come`, () => listener.requests.length === count)
    // Until it has heard the answer it waits with a second timer, which must not ring when the test moves the clock.
    await until('the last one is over', () => clock.waiting === 1)
  }
  await clock.advance(0)
  await beats(1)
  await clock.advance(60_000)
  await beats(2)
  unwell = 'no server was looked at for 1 min'
  await clock.advance(180_000)
  unwell = undefined
  assert.equal(listener.requests.length, 2)
  await clock.advance(60_000)
  await beats(3)
  await until('the end is said', () => notices.recent.length === 2)
  listener.answer = (response) => void response.writeHead(404).end()
  await clock.advance(60_000)
  await until('it is said', () => notices.recent.length === 3)
  assert.deepEqual(
    notices.recent.map(({ text }) => text),
    [
      'the heartbeat is not sent: no server was looked at for 1 min',
      'the heartbeat is sent again',
      'the heartbeat is not sent: 404',
    ],
  )
})
