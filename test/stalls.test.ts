// A stall of this process is not silence of a server. The process stands still while an answer arrives, and goes on after
// the time is up: the answer is there to be read, and is read.

import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { startServer, type Server } from '../lab/servers.ts'
import { openConnection } from '../src/redis/connection.ts'
import { knock } from '../src/redis/door.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const PATIENCE_MS = 1_000
// Late by less than what an event loop is often late by, and by more.
const STALLS_MS = [PATIENCE_MS + 30, PATIENCE_MS + 500]

/** Nothing in this process goes on meanwhile. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

async function started(t: TestContext): Promise<Server> {
  const server = await startServer({ debug: true })
  t.after(() => server.stop())
  return server
}

for (const stallMs of STALLS_MS) {
  test(`the door: a stall of ${stallMs} ms after the question, with ${PATIENCE_MS} ms for the answer`, async (t) => {
    const { address, access } = await started(t)
    const hear = (message: unknown): void => {
      const { socket } = message as { socket: Socket }
      socket.once('connect', () => queueMicrotask(() => standStill(stallMs))) // when the door has said its words
    }
    subscribe('net.client.socket', hear)
    t.after(() => unsubscribe('net.client.socket', hear))
    const { id, text } = await knock({ address, access, connectTimeoutMs: 20_000, replyTimeoutMs: PATIENCE_MS })
    assert.equal(id, 'ok', text ?? '')
  })

  test(`a connection: a stall of ${stallMs} ms after the question, with ${PATIENCE_MS} ms for the answer`, async (t) => {
    const server = await started(t)
    const connection = await openConnection({ ...server, timeoutMs: PATIENCE_MS })
    t.after(() => connection.close())
    // Answered in three tenths of a second: later than the question is on its way, sooner than the stall ends.
    const answered = connection.send('DEBUG', 'SLEEP', '0.3')
    setImmediate(() => standStill(stallMs))
    assert.equal(await answered, 'OK')
  })
}
