// A socket whose memory is used again: what was handed out stays as it is until more is asked for, however much comes.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import { makeCertificates, tlsOf } from '../lab/certificates.ts'
import { Fault } from '../src/lib/fault.ts'
import { systemClock } from '../src/lib/clock.ts'
import { openSocket } from '../src/redis/door.ts'
import type { Access } from '../src/redis/url.ts'
import { SocketReader } from '../src/replication/socket-reader.ts'

const MANY = 24 * 1024 * 1024 // many times round the reader's memory
const PERIOD = 251 // a prime: no two places of a ring look alike
const PATTERN = Buffer.from(Array.from({ length: PERIOD * 300 }, (_none, at) => at % PERIOD))

function patternAt(offset: number, length: number): Buffer {
  return PATTERN.subarray(offset % PERIOD, (offset % PERIOD) + length)
}

async function readerOf(t: TestContext, server: Server, access: Access): Promise<SocketReader> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const reader = new SocketReader({
    open: (onread) => openSocket({ host: '127.0.0.1', port }, access, onread),
    clock: systemClock,
    target: 'it',
    silenceMs: 30_000,
  })
  t.after(() => {
    reader.socket.destroy()
    server.close()
  })
  return reader
}

/** Sends the pattern as fast as it is taken, and hangs up. */
function sendAll(socket: Socket): void {
  socket.on('error', () => undefined) // who reads may go first
  let sent = 0
  const more = (): void => {
    for (let goesOn = true; goesOn;) {
      if (sent === MANY) return void socket.end()
      const part = patternAt(sent, Math.min(65_537, MANY - sent))
      sent += part.length
      goesOn = socket.write(part)
    }
  }
  socket.on('drain', more)
  more()
}

/** Looks at each chunk twice, with what else happens in between. */
async function takeAll(reader: SocketReader): Promise<void> {
  let read = 0
  let chunks = 0
  while (read < MANY) {
    const chunk = await reader.chunk()
    chunks += 1
    if (chunks % 5 === 0 && chunk.length > 7) reader.unread(chunk.subarray(7))
    const taken = chunks % 5 === 0 ? chunk.subarray(0, 7) : chunk
    for (let look = 0; look < 2; look += 1) {
      for (let at = 0; at < taken.length; at += 65_536) {
        const part = taken.subarray(at, at + 65_536)
        assert.ok(part.equals(patternAt(read + at, part.length)), `${look}: from byte ${read + at} on`)
      }
      if (chunks % 3 === 0) await turn()
    }
    read += taken.length
  }
  await assert.rejects(reader.chunk(), (error) => error instanceof Fault && /closed the connection/.test(error.why))
}

test('what was handed out stays as it is until more is asked for', async (t) => {
  const reader = await readerOf(t, createServer(sendAll), {})
  await takeAll(reader)
})

test('so it does when bytes are gathered between two reads', async (t) => {
  const reader = await readerOf(t, createServer(sendAll), {})
  reader.gather(2)
  await takeAll(reader)
})

test('and with TLS, which hands out what it has deciphered even if nobody asks', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'respite-reader-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const { caFile, server } = await makeCertificates(dir)
  const keys = { cert: readFileSync(server.certFile), key: readFileSync(server.keyFile) }
  const reader = await readerOf(t, createTlsServer(keys, sendAll), { tls: tlsOf(caFile) })
  await takeAll(reader)
})

test('what came before the end is still read, and an error is told as it is', async (t) => {
  const reader = await readerOf(
    t,
    createServer((socket) => void socket.end('+PONG\r\nand')),
    {},
  )
  assert.equal(await reader.line(), '+PONG')
  assert.equal((await reader.exactly(3)).toString(), 'and')
  await assert.rejects(reader.exactly(1), /closed the connection/)
  const other = await readerOf(
    t,
    createServer(() => undefined),
    {},
  )
  const waiting = other.chunk()
  other.socket.destroy(new Error('left'))
  await assert.rejects(waiting, /left/)
})
