// The ways in, and the ways in which a server does not let us in or cannot give what we want.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { makeCertificates, tlsOf } from '../lab/certificates.ts'
import { makeFolder } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { Fault } from '../src/lib/fault.ts'
import { fetchBase } from '../src/replication/base.ts'
import type { Source } from '../src/replication/handshake.ts'
import { startLink, type LinkState } from '../src/replication/link.ts'
import { refusesPsync } from '../src/replication/trouble.ts'
import { Capture } from './capture.ts'
import { FakeClock } from './fake-clock.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { startScriptedServer, usual } from './scripted-server.ts'

nothingLeftAfterwards()

async function start(t: TestContext, ...options: Parameters<typeof startServer>): Promise<Server> {
  const server = await startServer(...options)
  t.after(() => server.stop())
  return server
}

/** The base of a server as one buffer, or the Fault. */
async function baseOf(source: Source): Promise<Buffer> {
  const capture = new Capture()
  await fetchBase({ source, onBase: (start) => capture.onBase(start) })
  assert.equal(capture.latest.isWhole, true)
  return Buffer.concat(capture.latest.rdb)
}

const isRdb = (bytes: Buffer): boolean => bytes.subarray(0, 5).toString() === 'REDIS' && bytes.at(-9) === 0xff

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Fault, `no Fault: ${String(error)}`)
  return error
}

test('a base comes over TCP, a unix socket, and TLS with a certificate of ours', async (t) => {
  const certificates = await makeCertificates(makeFolder('certificates'))
  const [plain, secured] = await Promise.all([start(t, { socket: true }), start(t, { tls: { certificates } })])
  assert.ok(isRdb(await baseOf(plain)))
  assert.ok(isRdb(await baseOf({ address: { path: plain.socketPath ?? '' }, access: {} })))
  assert.ok(isRdb(await baseOf(secured)))
  const stranger = { address: secured.address, access: { tls: tlsOf(certificates.otherCaFile, certificates.client) } }
  const fault = await faultOf(baseOf(stranger))
  assert.match(fault.why, /^TLS failed/)
})

test('a base alone leaves no replica behind', async (t) => {
  const server = await start(t)
  await baseOf(server)
  await until('the server has forgotten us', async () =>
    (await server.cli('INFO', 'replication')).includes('connected_slaves:0'),
  )
})

test('the least ACL is enough, and without INFO it goes too', async (t) => {
  const server = await start(t)
  await server.cli('ACL', 'SETUSER', 'backup', 'on', '>geheim', '+psync', '+replconf', '+ping', '+info')
  await server.cli('ACL', 'SETUSER', 'narrow', 'on', '>geheim', '+psync', '+replconf', '+ping')
  const as = (user: string): Source => ({ address: server.address, access: { user, password: 'geheim' } })
  assert.ok(isRdb(await baseOf(as('backup'))))
  assert.doesNotMatch(await server.cli('INFO', 'errorstats'), /errorstat_/)
  assert.ok(isRdb(await baseOf(as('narrow'))))
})

test('a server that refuses PSYNC is told apart, so that another method can be chosen', async (t) => {
  const managed = await start(t, { conf: ['rename-command PSYNC ""'] })
  const unknown = await faultOf(baseOf(managed))
  assert.ok(refusesPsync(unknown))
  assert.match(unknown.toText(), /psync refused: ERR unknown command.*--method scan/s)
  await managed.cli('ACL', 'SETUSER', 'app', 'on', '>geheim', '+@all', '-psync', '-replconf')
  const narrow = await faultOf(baseOf({ address: managed.address, access: { user: 'app', password: 'geheim' } }))
  assert.ok(refusesPsync(narrow))
  assert.match(narrow.toText(), /NOPERM.*\+psync \+replconf/s)
  assert.equal(narrow.retryable, false)
})

test('a wrong password, and none, are said as such and without the password', async (t) => {
  const server = await start(t, { password: 'geheim' })
  const wrong = await faultOf(baseOf({ address: server.address, access: { password: 'falsch' } }))
  assert.match(wrong.why, /^WRONGPASS/)
  const none = await faultOf(baseOf({ address: server.address, access: {} }))
  assert.match(none.why, /^NOAUTH/)
  for (const fault of [wrong, none]) {
    assert.equal(refusesPsync(fault), false)
    assert.doesNotMatch(fault.toText(), /falsch|geheim/)
  }
  const passwordTooMuch = await start(t)
  assert.ok(isRdb(await baseOf({ address: passwordTooMuch.address, access: { password: 'geheim' } })))
})

test('a replica without its primary is asked again until it has one', async (t) => {
  const server = await start(t, { conf: [`replicaof 127.0.0.1 ${await freePort()}`] })
  const whys: string[] = []
  const sink = new Capture()
  const onState = (_state: LinkState, why: Fault | undefined): void => void whys.push(why?.why ?? '')
  const link = startLink({ source: () => server, sink, onState, retry: { firstMs: 10, longestMs: 50 } })
  t.after(() => link.stop())
  await until('it was refused twice', () => whys.filter((why) => /NOMASTERLINK/.test(why)).length > 1)
  await server.cli('REPLICAOF', 'NO', 'ONE')
  await until('the stream flows', () => link.state === 'streaming')
})

// ---- what no server here can be brought to say -----------------------------------------------------------------------

const ID = 'f'.repeat(40)
const MARK = 'e'.repeat(40)
const RDB = Buffer.from('524544495330303130ff0000000000000000', 'hex').toString('latin1') // empty, without a checksum

test('signs of life are passed over, and an end mark may come in single bytes', async (t) => {
  const server = await startScriptedServer(t, (command, socket) => {
    if (!command.startsWith('psync')) return usual(command)
    const bytes = Buffer.from(`\n\n+FULLRESYNC ${ID} 7\r\n\n\n$EOF:${MARK}\r\n${RDB}${MARK}`, 'latin1')
    let at = 0
    const next = (): void => {
      if (at < bytes.length && !socket.destroyed) socket.write(bytes.subarray(at, (at += 1)), () => setImmediate(next))
    }
    next()
    return undefined
  })
  assert.equal((await baseOf(server.source)).toString('latin1'), RDB)
})

test('an error instead of the RDB is the reason that is given', async (t) => {
  const server = await startScriptedServer(t, (command) =>
    command.startsWith('psync')
      ? `+FULLRESYNC ${ID} 7\r\n\n-ERR BGSAVE failed, replication can't continue\r\n`
      : usual(command),
  )
  const fault = await faultOf(baseOf(server.source))
  assert.match(fault.why, /BGSAVE failed/)
})

test('a server that closes in the middle of the RDB has its writer aborted', async (t) => {
  const server = await startScriptedServer(t, (command, socket) => {
    if (!command.startsWith('psync')) return usual(command)
    socket.end(`+FULLRESYNC ${ID} 7\r\n$500000\r\n${RDB.slice(0, 9)}${'\xfb'.repeat(70_000)}`, 'latin1')
    return undefined
  })
  const capture = new Capture()
  const fault = await faultOf(fetchBase({ source: server.source, onBase: (start) => capture.onBase(start) }))
  assert.match(fault.why, /closed/)
  assert.match(capture.latest.aborted?.why ?? '', /closed/)
})

const VERSIONS: readonly (readonly [string, string, readonly string[]])[] = [
  ['Redis 7', 'redis_version:7.0.15', []],
  ['Redis 8.6', 'redis_version:8.6.0', ['replconf rdb-no-compress 1']],
  ['Valkey 8', 'server_name:valkey\r\nvalkey_version:8.1.0', ['replconf version 9.0.0']],
  ['Valkey 9.2', 'server_name:valkey\r\nvalkey_version:9.2.0', ['replconf version 9.2.0']],
]

for (const [name, info, wanted] of VERSIONS)
  test(`${name} is told what it knows, and nothing else`, async (t) => {
    const server = await startScriptedServer(t, (command) =>
      command.startsWith('psync') ? `+FULLRESYNC ${ID} 7\r\n$${RDB.length}\r\n${RDB}` : usual(command, info),
    )
    await baseOf(server.source)
    const options = server.heard.filter((command) => /version|rdb-no-compress/.test(command))
    assert.deepEqual(options, wanted)
    assert.ok(server.heard.includes('replconf capa eof capa psync2'))
  })

test('what is durable is said twice, for WAIT and for WAITAOF of 7.2, and at once when asked', async (t) => {
  const getAck = '*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n'
  const server = await startScriptedServer(t, (command) => {
    if (command.startsWith('psync')) return `+FULLRESYNC ${ID} 7\r\n$${RDB.length}\r\n${RDB}${getAck}`
    return command.startsWith('replconf ack') ? undefined : usual(command, 'redis_version:7.2.0')
  })
  const sink = new Capture()
  const link = startLink({ source: () => server.source, sink })
  t.after(() => link.stop())
  await until('the server asked', () => sink.getAcks === 1)
  link.acknowledge({ replid: ID, offset: 44 })
  await until('it was told', () => server.heard.includes('replconf ack 44 fack 44'))
  assert.ok(server.heard.includes('replconf ack 0 fack 0')) // nothing was durable yet
})

test('a server that falls silent is left after a minute', async (t) => {
  const clock = new FakeClock()
  const server = await startScriptedServer(t, (command) => (command === 'ping' ? undefined : usual(command)))
  let why: Fault | undefined
  const onState = (_state: LinkState, fault: Fault | undefined): void => void (why ??= fault)
  const link = startLink({ source: () => server.source, sink: new Capture(), onState, clock })
  t.after(() => link.stop())
  await until('it was greeted', () => server.heard.includes('ping'))
  await clock.advance(59_000)
  assert.equal(link.state, 'handshake')
  await clock.advance(2_000)
  await until('it is left', () => why?.why === 'not a byte for 60 s')
})

test('before Redis 7.0 there are bases only, and the link says why', async (t) => {
  const server = await startScriptedServer(t, (command) =>
    command.startsWith('psync')
      ? `+FULLRESYNC ${ID} 7\r\n$${RDB.length}\r\n${RDB}`
      : usual(command, 'redis_version:6.2.14'),
  )
  const sink = new Capture()
  let ended: Fault | undefined
  const onState = (state: LinkState, why: Fault | undefined): void => void (state === 'stopped' && (ended = why))
  const link = startLink({ source: () => server.source, sink, onState })
  await until('the link has ended', () => link.state === 'stopped')
  assert.equal(sink.latest.isWhole, true)
  assert.match(sink.latest.start.noStream ?? '', /relative/)
  assert.match(ended?.why ?? '', /relative/)
  await link.stop()
})

test('a stream that is malformed is asked for again, and after the second time a new base is taken', async (t) => {
  const good = '*1\r\n$4\r\nPING\r\n'
  const server = await startScriptedServer(t, (command) => {
    if (command.startsWith('replconf ack')) return undefined
    if (!command.startsWith('psync')) return usual(command)
    const before = command === 'psync ? -1' ? `+FULLRESYNC ${ID} 7\r\n$${RDB.length}\r\n${RDB}` : '+CONTINUE\r\n'
    return `${before}${good}nonsense`
  })
  const sink = new Capture()
  const link = startLink({ source: () => server.source, sink, retry: { firstMs: 10, longestMs: 50 } })
  t.after(() => link.stop())
  await until('a second base came', () => sink.timelines.length > 1)
  const asked = server.heard.filter((command) => command.startsWith('psync')).slice(0, 3)
  assert.deepEqual(asked, ['psync ? -1', `psync ${ID} 8`, 'psync ? -1'])
  assert.deepEqual(sink.timelines[1]?.start.relation.kind, 'gap')
})
