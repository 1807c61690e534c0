// What our presence does to a deployment with real Sentinels: nothing that anybody notices. Each hazard was met for real
// before there was the listener; without it Sentinel keeps a ghost for ever, and FAILOVER leaves no primary at all.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { makeCertificates } from '../lab/certificates.ts'
import { makeFolder } from '../lab/children.ts'
import { startReplica as startServerReplica, startSentinel, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { fetchBase } from '../src/replication/base.ts'
import type { Candidate } from '../src/replication/choose-source.ts'
import { startReplica, type Replica } from '../src/replication/replica.ts'
import { Capture, loadCaptured } from './capture.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

nothingLeftAfterwards()

const RETRY = { firstMs: 20, longestMs: 500 }

interface Attached {
  readonly replica: Replica
  readonly sink: Capture
}

type Options = Partial<Parameters<typeof startReplica>[0]>

/** Follows the primary; everything that is kept counts as durable. */
async function attach(t: TestContext, candidates: () => Candidate[], options: Options = {}): Promise<Attached> {
  const sink = new Capture()
  const replica = startReplica({ attach: 'primary', candidates, sink, retry: RETRY, ...options })
  t.after(() => replica.stop())
  sink.onKept = (frame) => {
    const { position } = replica.link
    if (position !== undefined) replica.link.acknowledge({ replid: position.replid, offset: frame.safe })
  }
  await until('the stream flows', () => replica.link.state === 'streaming')
  return { replica, sink }
}

function candidateOf({ address, access }: Server, role: Candidate['role']): Candidate {
  return { address, access, role, answers: true }
}

async function start(t: TestContext, made: Promise<Server>): Promise<Server> {
  const server = await made
  t.after(() => server.stop())
  return server
}

async function infoOf(server: Server): Promise<string> {
  return server.cli('INFO', 'replication')
}

/** Sentinel has learnt our listener and asked it at least once. */
async function noticed(sentinel: Server, { replica }: Attached): Promise<void> {
  const port = replica.listening?.port ?? 0
  await until('Sentinel has heard of us', () => sentinel.log().includes(`+slave slave 127.0.0.1:${port}`), {
    timeoutMs: 30_000,
  })
  await until('Sentinel has asked us', async () => (await sentinel.cli('SENTINEL', 'REPLICAS', 'mymaster')) === '', {
    timeoutMs: 30_000,
  })
}

test('Sentinel lists no replica while we are attached, nor after we left, and has nobody to promote', async (t) => {
  const primary = await start(t, startServer())
  const attached = await attach(t, () => [candidateOf(primary, 'primary')])
  const shown = `slave0:ip=127.0.0.1,port=${attached.replica.listening?.port},state=online`
  await until('the primary names us with our port', async () => (await infoOf(primary)).includes(shown))
  const sentinel = await start(t, startSentinel({ watches: [{ name: 'mymaster', server: primary }], quorum: 1 }))
  await noticed(sentinel, attached)
  assert.match(await sentinel.cli('SENTINEL', 'FAILOVER', 'mymaster'), /^NOGOODSLAVE/)
  await attached.replica.stop()
  await until('Sentinel misses us', () => /\+sdown slave/.test(sentinel.log()), { timeoutMs: 30_000 })
  assert.equal(await sentinel.cli('SENTINEL', 'REPLICAS', 'mymaster'), '')
})

test('Sentinel that looks while a base alone is taken learns no name', async (t) => {
  const primary = await start(t, startServer({ debug: true, conf: ['rdbcompression no'] }))
  await primary.cli('DEBUG', 'POPULATE', '40000', 'key', '1000') // more than lies on the way
  let release: (() => void) | undefined
  const held = new Promise<void>((resolve) => void (release = resolve))
  const ended = fetchBase({
    source: primary,
    onBase: () => ({ write: () => held, end: () => undefined, abort: () => undefined }),
  })
  const shown = /slave0:ip=respite\.invalid,port=0/
  await until('the primary names us', async () => shown.test(await infoOf(primary)))
  const sentinel = await start(t, startSentinel({ watches: [{ name: 'mymaster', server: primary }], quorum: 1 }))
  await until('Sentinel has read the list', () =>
    sentinel.log().includes("Failed to resolve hostname 'respite.invalid'"),
  )
  release?.()
  await ended
  assert.equal(await sentinel.cli('SENTINEL', 'REPLICAS', 'mymaster'), '')
  assert.doesNotMatch(sentinel.log(), /\+slave /)
})

test('the command FAILOVER does not hand the dataset to us: the primary stays, and takes writes', async (t) => {
  const primary = await start(t, startServer())
  const { replica } = await attach(t, () => [candidateOf(primary, 'primary')])
  await primary.cli('SET', 'a', '1')
  assert.equal(await primary.cli('FAILOVER'), 'OK')
  await until('the failover is given up', () => primary.log().includes('Failover target rejected psync request'))
  await until('it is a primary again', async () => /role:master[^]*no-failover/.test(await infoOf(primary)))
  assert.equal(await primary.cli('SET', 'b', '2'), 'OK')
  await until('we follow on', () => replica.link.state === 'streaming')
})

test('after a failover under a flood the new primary is announced without delay, and we follow it without a hole', async (t) => {
  const conf = ['repl-backlog-size 64mb', 'databases 32']
  const first = await start(t, startServer({ debug: true, conf }))
  const second = await start(t, startServerReplica(first, { debug: true, conf }))
  const attached = await attach(t, () => [candidateOf(first, 'primary'), candidateOf(second, 'replica')])
  const { replica, sink } = attached
  const sentinel = await start(
    t,
    // Held back for us, the announcement would come after a minute.
    startSentinel({
      watches: [{ name: 'mymaster', server: first }],
      quorum: 1,
      conf: ['sentinel failover-timeout mymaster 60000'],
    }),
  )
  const port = replica.listening?.port ?? 0
  await until('Sentinel knows us and the real replica', () =>
    [port, second.port].every((one) => sentinel.log().includes(`+slave slave 127.0.0.1:${one}`)),
  )
  await until('only the real one is listed', async () => {
    const listed = await sentinel.cli('SENTINEL', 'REPLICAS', 'mymaster')
    return listed.includes(String(second.port)) && !listed.includes(String(port))
  })
  const flood = await startFlood({ server: first })
  await until('the flood has come', () => sink.commands > 3_000, { timeoutMs: 30_000 })
  await first.kill('SIGKILL')
  await flood.stop()
  await until('the new primary is announced', () => sentinel.log().includes('+switch-master'), { timeoutMs: 45_000 })
  await until('we follow it', () => replica.link.source === second.id && replica.link.state === 'streaming')
  assert.equal(await second.cli('-n', '9', 'SET', 'after', 'failover'), 'OK')
  const { latest } = sink
  await until('the write has come', () => Buffer.concat(latest.stream).includes('failover'))
  // Either the new primary had all that we had, or it is seen that it had not: never a silent hole.
  const [resumed] = sink.resumed.filter(({ source }) => source === second.id)
  if (resumed === undefined) assert.equal(latest.start.relation.kind, 'fork')
  else assert.notEqual(resumed.replid, resumed.was.replid)
  await until('all has come', async () =>
    (await infoOf(second)).includes(`master_repl_offset:${replica.link.receivedOffset}\n`),
  )
  await assertSameDataset(await loadCaptured(t, latest), second)
})

test('Sentinels that speak TLS reach us as well', async (t) => {
  const tls = { certificates: await makeCertificates(makeFolder('certificates')) }
  const primary = await start(t, startServer({ tls }))
  const attached = await attach(t, () => [candidateOf(primary, 'primary')])
  const sentinel = await start(t, startSentinel({ watches: [{ name: 'mymaster', server: primary }], quorum: 1, tls }))
  await noticed(sentinel, attached)
})

test('who says SLAVEOF with a server that nobody knows is answered, and not followed', async (t) => {
  const primary = await start(t, startServer())
  const stranger = await start(t, startServer())
  const { replica, sink } = await attach(t, () => [candidateOf(primary, 'primary')])
  const ask = (...words: string[]): Promise<string> => primary.cli('-p', String(replica.listening?.port), ...words)
  assert.equal(await ask('SLAVEOF', '127.0.0.1', String(stranger.port)), 'OK')
  assert.match(await ask('INFO'), new RegExp(`master_port:${stranger.port}[^]*slave_priority:0[^]*replica_announced:0`))
  assert.match(await ask('SLAVEOF', 'NO', 'ONE'), /cannot become a primary/)
  assert.match(await ask('FLUSHALL'), /unknown command/)
  await primary.cli('SET', 'only', 'here')
  await until('the primary is followed still', () => Buffer.concat(sink.latest.stream).includes('only'))
  assert.equal(replica.link.source, primary.id)
  assert.match(await infoOf(stranger), /connected_slaves:0/)
})
