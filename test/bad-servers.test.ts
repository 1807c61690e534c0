// What listens is no Redis, or one that lies, stops in the middle, or never stops. The door says which; a connection says
// so with its own words, within its time, lets go of the socket, and nothing takes the process down: a rejection that
// nobody handles would fail this file.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { assert as holds, asyncProperty, constantFrom, oneof, string, tuple, uint8Array } from 'fast-check'
import { freePort } from '../lab/free-port.ts'
import { until } from '../lab/until.ts'
import { lookAtAnswer } from '../src/fleet/look-at-answer.ts'
import type { AnswerId } from '../src/redis/answers.ts'
import { Lost, openConnection, Refused, type Connection } from '../src/redis/connection.ts'
import { hearChannel } from '../src/redis/hear-channel.ts'
import type { Address } from '../src/redis/url.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

// Only silence is waited for as long as this; whatever else is told at once, and on a busy machine that may be late.
const PATIENCE = { connectMs: 20_000, replyMs: 700 }
const TIMEOUT_MS = 700
const LONG = { connectMs: 20_000, replyMs: 20_000 }
const LONG_MS = 20_000
const MEGABYTE = Buffer.alloc(2 ** 20, 'a')

/** Listens and treats each connection so; everything ends with the test. */
async function listener(
  t: TestContext,
  treat: (socket: Socket) => void,
): Promise<{ address: Address; open: Set<Socket> }> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
    socket.resume() // who does not read does not see that the other has gone
    treat(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return { address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, open }
}

/** Says something at the first word of a client. */
const saying =
  (...chunks: readonly (string | Buffer)[]) =>
  (socket: Socket): void => {
    socket.once('data', () => {
      for (const chunk of chunks) socket.write(chunk)
    })
  }

/** Ten megabytes, whether anybody reads them or not. */
const tenMegabytes =
  (head: string, tail = '') =>
  (socket: Socket): void => {
    socket.once('data', () => {
      socket.write(head)
      for (let at = 0; at < 10; at += 1) socket.write(MEGABYTE)
      socket.write(tail)
    })
  }

/** Goes on until the other end hangs up, at the pace at which it reads. */
function endless(socket: Socket, head: string): void {
  const more = (): void => {
    if (!socket.destroyed) socket.write(MEGABYTE, () => setImmediate(more))
  }
  socket.write(head, more)
}

interface Stranger {
  readonly name: string
  readonly treat: (socket: Socket) => void
  readonly answer: AnswerId
  readonly says: RegExp
  readonly connection: AnswerId // what a connection's Lost says
}

const STRANGERS: readonly Stranger[] = [
  {
    name: 'says nothing',
    treat: () => undefined,
    answer: 'silent',
    says: /no answer for 700 ms; node.* listens on .*, not the server itself/,
    connection: 'silent',
  },
  {
    name: 'says half an answer and then nothing',
    treat: saying('+PO'),
    answer: 'silent',
    says: /half an answer \(3 bytes\) for 700 ms/,
    connection: 'silent',
  },
  {
    name: 'hangs up at once',
    treat: (socket) => socket.end(),
    answer: 'reset',
    says: /closed without an answer/,
    connection: 'reset',
  },
  {
    name: 'resets at the first word',
    treat: (socket) => socket.once('data', () => socket.resetAndDestroy()),
    answer: 'reset',
    says: /closed without an answer/,
    connection: 'reset',
  },
  {
    name: 'hangs up in the middle of an answer',
    treat: (socket) => socket.once('data', () => socket.end('+PO')),
    answer: 'reset',
    says: /closed in the middle of an answer/,
    connection: 'reset',
  },
  {
    name: 'greets as an SSH server',
    treat: (socket) => socket.write('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'),
    answer: 'not-redis',
    says: /it said "SSH-2\.0-OpenSSH/,
    connection: 'not-redis',
  },
  {
    name: 'says ten megabytes of nothing like it',
    treat: tenMegabytes(''),
    answer: 'not-redis',
    says: /it said "aaaa/,
    connection: 'not-redis',
  },
  {
    name: 'begins as an error and never ends its line',
    treat: tenMegabytes('-ERR '),
    answer: 'not-redis',
    says: /more than 64 KiB of something else/,
    connection: 'silent',
  },
  {
    name: 'gives a length and less than that',
    treat: saying('$100\r\nshort'),
    answer: 'not-redis',
    says: /it said "\$100"/,
    connection: 'silent',
  },
  {
    name: 'gives an answer without end',
    treat: (socket) => socket.once('data', () => endless(socket, '$999999999999\r\n')),
    answer: 'not-redis',
    says: /it said "\$999999999999"/,
    connection: 'not-redis',
  },
]

for (const { name, treat, answer, says, connection } of STRANGERS)
  test(`what ${name} is ${answer}`, async (t) => {
    const { address, open } = await listener(t, treat)
    const patience = answer === 'silent' ? PATIENCE : LONG
    const { id, text } = await lookAtAnswer(address, {}, patience)
    assert.equal(id, answer, text ?? '')
    assert.match(text ?? '', says)
    // The same for one that has an answer to a login to give first.
    const login = await lookAtAnswer(address, { password: 'sesame' }, patience)
    assert.equal(login.id, answer, login.text ?? '')
    const timeoutMs = connection === 'silent' ? TIMEOUT_MS : LONG_MS
    for (const access of [{}, { password: 'sesame' }])
      await assert.rejects(openConnection({ address, access, timeoutMs }), (error) => {
        assert.ok(error instanceof Lost, String(error))
        assert.equal(error.answer, connection, error.message)
        return true
      })
    await until('no connection is left open', () => open.size === 0)
  })

test('a web server is not a Redis', async (t) => {
  const web = createHttpServer((_request, response) => response.end('hello'))
  await once(web.listen(0, '127.0.0.1'), 'listening')
  t.after(() => web.close())
  const address = { host: '127.0.0.1', port: (web.address() as AddressInfo).port }
  const { id, text } = await lookAtAnswer(address, {}, LONG)
  assert.equal(id, 'not-redis')
  assert.match(text ?? '', /it said "HTTP\/1\.1 400 Bad Request"/)
  await assert.rejects(openConnection({ address, access: {}, timeoutMs: LONG_MS }), { answer: 'not-redis' })
})

/** A server that lets us in, and then answers the first INFO so. */
async function insideOf(
  t: TestContext,
  atInfo: (socket: Socket) => void,
  timeoutMs = LONG_MS,
): Promise<{ connection: Connection; open: Set<Socket> }> {
  const { address, open } = await listener(t, (socket) => {
    socket.on('data', (chunk) => {
      if (chunk.includes('INFO')) atInfo(socket)
      else socket.write('+OK\r\n')
    })
  })
  const connection = await openConnection({ address, access: {}, timeoutMs })
  t.after(() => connection.close())
  return { connection, open }
}

const INSIDE: readonly { name: string; atInfo: (socket: Socket) => void; answer: AnswerId }[] = [
  { name: 'garbage', atInfo: (socket) => socket.write('\u0000\u0001 garbage\r\n'), answer: 'not-redis' },
  { name: 'a hang-up in the middle', atInfo: (socket) => socket.end('$5000\r\n# Server\r\n'), answer: 'reset' },
  { name: 'an answer without end', atInfo: (socket) => endless(socket, '$99999999999\r\n'), answer: 'not-redis' },
  { name: 'a line without end', atInfo: (socket) => endless(socket, '+'), answer: 'not-redis' },
  {
    name: 'a thousand nested arrays and no end',
    atInfo: (socket) => socket.write('*1\r\n'.repeat(1000)),
    answer: 'silent',
  },
]

for (const { name, atInfo, answer } of INSIDE)
  test(`in the middle of a connection: ${name}`, async (t) => {
    const { connection, open } = await insideOf(t, atInfo, answer === 'silent' ? 2_000 : undefined)
    let ended = 0
    connection.onClose(() => (ended += 1))
    await assert.rejects(connection.send('INFO'), (error) => {
      assert.ok(error instanceof Lost, String(error))
      assert.equal(error.answer, answer, error.message)
      return true
    })
    if (answer === 'silent') return assert.equal(connection.open, true, 'silence alone ends nothing')
    await until('the connection has ended', () => ended === 1 && !connection.open && open.size === 0)
    await assert.rejects(connection.send('PING'), Lost)
  })

test('ten megabytes of INFO are read, and the next answer after them', async (t) => {
  const bulk = `$${10 * MEGABYTE.length}\r\n`
  const { connection } = await insideOf(t, (socket) => {
    socket.write(bulk)
    for (let at = 0; at < 10; at += 1) socket.write(MEGABYTE)
    socket.write('\r\n')
  })
  assert.equal(String(await connection.send('INFO')).length, 10 * MEGABYTE.length)
  assert.equal(await connection.send('PING'), 'OK')
})

test('an answer that nobody asked for ends the connection', async (t) => {
  const { connection, open } = await insideOf(t, (socket) => socket.write('+one\r\n+two\r\n'))
  let ended = false
  connection.onClose(() => (ended = true))
  assert.equal(await connection.send('INFO'), 'one')
  await until('the connection has ended', () => ended && open.size === 0)
})

test('whatever bytes come, the door answers and a connection opens or says why it does not', async (t) => {
  let says = Buffer.alloc(0)
  const { address } = await listener(t, (socket) => socket.on('data', () => socket.write(says)))
  const said = oneof(
    uint8Array({ minLength: 1, maxLength: 200 }),
    tuple(
      constantFrom('+OK\r\n', '+PONG\r\n', '*2\r\n', '$-1\r\n', ':1', '-ERR ', '$', '%1\r\n', '>3\r\n'),
      string(),
    ).map(([head, tail]) => Buffer.from(head + tail)),
  )
  const tried = async (bytes: Uint8Array): Promise<void> => {
    says = Buffer.from(bytes)
    for (const access of [{}, { password: 'sesame' }]) {
      const answer = await lookAtAnswer(address, access, { connectMs: 200, replyMs: 30 })
      assert.notEqual(answer.id, 'unreachable', answer.text ?? '')
      const opened = await openConnection({ address, access, timeoutMs: 30 }).catch((error: unknown) => error)
      if (opened instanceof Error) assert.ok(opened instanceof Lost || opened instanceof Refused, opened.stack ?? '')
      else (opened as Connection).close()
    }
  }
  await holds(asyncProperty(said, tried), { numRuns: 40 })
})

test('a full server, and one that wants a password, refuse a connection by name', async (t) => {
  for (const [line, answer] of [
    ['-ERR max number of clients reached\r\n', 'maxclients'],
    ['-NOAUTH Authentication required.\r\n', 'noauth'],
  ] as const) {
    const { address } = await listener(t, (socket) => socket.once('data', () => socket.end(line)))
    await assert.rejects(openConnection({ address, access: {}, timeoutMs: LONG_MS }), (error) => {
      assert.ok(error instanceof Refused, String(error))
      assert.equal(error.answer, answer)
      return true
    })
  }
})

test('a stranger on the hello channel is not heard, and lets go', async (t) => {
  const { signal } = new AbortController()
  for (const { treat } of STRANGERS) {
    const { address, open } = await listener(t, treat)
    const heard = await hearChannel({ address, access: {}, timeoutMs: TIMEOUT_MS }, 'channel', (text) => text, signal)
    assert.equal(heard, undefined)
    await until('no connection is left open', () => open.size === 0)
  }
})

test('nobody there: refused, on a port and on a unix socket that is gone', async () => {
  for (const address of [{ host: '127.0.0.1', port: await freePort() }, { path: '/nonexistent/redis.sock' }]) {
    assert.equal((await lookAtAnswer(address, {}, LONG)).id, 'refused')
    await assert.rejects(openConnection({ address, access: {}, timeoutMs: LONG_MS }), { answer: 'refused' })
  }
})
