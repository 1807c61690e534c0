// Histories that go on, and histories that do not: promoted, restarted, forked and replaced servers, for real.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startReplica as startServerReplica, startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { Fault } from '../src/lib/fault.ts'
import { parseInfo } from '../src/redis/info.ts'
import type { Candidate } from '../src/replication/choose-source.ts'
import type { LinkState } from '../src/replication/link.ts'
import { startReplica, type Replica } from '../src/replication/replica.ts'
import { Capture, loadCaptured } from './capture.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

nothingLeftAfterwards()

const replicas = new Set<Replica>()

async function start(t: TestContext, made: Promise<Server>): Promise<Server> {
  const server = await made
  t.after(async () => {
    await Promise.all(Array.from(replicas, (replica) => replica.stop()))
    await server.stop()
  })
  return server
}

const serverIn = (t: TestContext, options: StartOptions = {}): Promise<Server> =>
  start(t, startServer({ debug: true, ...options }))
const replicaIn = (t: TestContext, of: Server): Promise<Server> => start(t, startServerReplica(of, { debug: true }))

interface View {
  servers: Candidate[]
}

function candidate({ address, access }: Server, role: Candidate['role']): Candidate {
  return { address, access, role, answers: true }
}

async function follow(
  view: View,
  attach: 'replica' | 'primary' = 'replica',
): Promise<{ replica: Replica; sink: Capture; whys: string[] }> {
  const sink = new Capture()
  const whys: string[] = [] // of each loss
  const retry = { firstMs: 20, longestMs: 200 }
  const onState = (_state: LinkState, why: Fault | undefined): void => void (why && whys.push(why.message))
  const replica = startReplica({ attach, candidates: () => view.servers, sink, retry, onState })
  replicas.add(replica)
  await until('the stream flows', () => replica.link.state === 'streaming')
  return { replica, sink, whys }
}

async function offsetOf(server: Server): Promise<number> {
  return Number(parseInfo(await server.cli('INFO', 'replication')).get('master_repl_offset'))
}

async function caughtUp({ link }: Replica, server: Server): Promise<void> {
  await until(
    'all has come',
    async () => link.state === 'streaming' && link.receivedOffset === (await offsetOf(server)),
  )
}

async function write(server: Server, key: string): Promise<void> {
  assert.equal(await server.cli('-n', '2', 'SET', key, 'x'), 'OK')
}

test('the server that is followed is promoted, and the history goes on under another id', async (t) => {
  const primary = await serverIn(t)
  const server = await replicaIn(t, primary)
  const view = { servers: [candidate(primary, 'primary'), candidate(server, 'replica')] }
  const { replica, sink } = await follow(view)
  assert.equal(replica.link.source, server.id) // a replica when there is one
  assert.equal(replica.listening, undefined)
  await write(primary, 'before')
  await caughtUp(replica, primary)
  await server.cli('REPLICAOF', 'NO', 'ONE')
  await until('it goes on', () => sink.resumed.length === 1 && replica.link.state === 'streaming')
  assert.notEqual(replica.listening, undefined) // it is a primary now, and has to have somebody to name
  const [{ replid, was } = assert.fail('nothing was resumed')] = sink.resumed
  assert.notEqual(replid, was.replid)
  await write(server, 'after')
  await caughtUp(replica, server)
  assert.equal(sink.timelines.length, 1)
  await assertSameDataset(await loadCaptured(t, sink.latest), server)
})

test('a replica dies, and its primary is followed without a second base', async (t) => {
  const primary = await serverIn(t)
  const server = await replicaIn(t, primary)
  const view = { servers: [candidate(primary, 'primary'), candidate(server, 'replica')] }
  const { replica, sink } = await follow(view)
  await write(primary, 'before')
  await caughtUp(replica, primary)
  await server.kill('SIGKILL')
  view.servers = [candidate(primary, 'primary'), { ...candidate(server, 'replica'), answers: false }]
  replica.changed()
  await write(primary, 'after')
  await caughtUp(replica, primary)
  assert.deepEqual([sink.timelines.length, replica.link.source], [1, primary.id])
  assert.notEqual(replica.listening, undefined)
  await assertSameDataset(await loadCaptured(t, sink.latest), primary)
})

test('a server that was promoted without our last bytes forks, and it is said where', async (t) => {
  const primary = await serverIn(t)
  const wire = await startCuttingProxy(t, primary.port)
  const server = await replicaIn(t, { ...primary, port: wire.port })
  const view = { servers: [candidate(primary, 'primary'), candidate(server, 'replica')] }
  const { replica, sink } = await follow(view, 'primary')
  await write(primary, 'shared')
  await caughtUp(replica, primary)
  await until('the replica has it too', async () => (await offsetOf(server)) === (await offsetOf(primary)))
  wire.targetPort = 1 // nobody is there
  wire.cutNow()
  await write(primary, 'lost')
  await caughtUp(replica, primary)
  const shared = await offsetOf(server)
  assert.ok(shared < sink.latest.safe)
  await primary.kill('SIGKILL')
  await server.cli('REPLICAOF', 'NO', 'ONE')
  view.servers = [candidate(server, 'primary')]
  replica.changed()
  await until('a new timeline begins', () => sink.timelines.length === 2 && sink.latest.isWhole)
  const { relation } = sink.latest.start
  assert.deepEqual([relation.kind, relation.kind === 'fork' && relation.divergedAt], ['fork', shared])
})

test('a backlog that does not reach back leaves a gap, which is said', async (t) => {
  const server = await serverIn(t, { conf: ['repl-backlog-size 16kb'] })
  const view = { servers: [candidate(server, 'primary')] }
  const { replica, sink } = await follow(view)
  await write(server, 'before')
  await caughtUp(replica, server)
  view.servers = []
  replica.changed()
  for (let round = 0; round < 40; round += 1) await server.cli('SET', 'large', 'x'.repeat(10_000))
  view.servers = [candidate(server, 'primary')]
  replica.changed()
  await until('a new base is there', () => sink.timelines.length === 2 && sink.latest.isWhole)
  const { relation, offset, replid } = sink.latest.start
  assert.equal(relation.kind, 'gap')
  assert.equal(replid, sink.timelines[0]?.start.replid)
  assert.ok(offset > (sink.timelines[0]?.safe ?? 0))
})

test('a server that is killed and comes back empty is unrelated', async (t) => {
  const server = await serverIn(t)
  const { replica, sink } = await follow({ servers: [candidate(server, 'primary')] })
  await write(server, 'before')
  await caughtUp(replica, server)
  await server.kill('SIGKILL')
  await server.restart()
  await until('a new timeline begins', () => sink.timelines.length === 2 && sink.latest.isWhole)
  assert.equal(sink.latest.start.relation.kind, 'unrelated')
  await until('the stream flows', () => replica.link.state === 'streaming')
})

test('a server that is restarted in peace goes on where it was', async (t) => {
  const server = await serverIn(t, { conf: ['save 3600 1', 'appendonly no'] })
  const { replica, sink } = await follow({ servers: [candidate(server, 'primary')] })
  sink.onKept = (frame) => replica.link.acknowledge({ replid: sink.latest.start.replid, offset: frame.safe })
  await write(server, 'before')
  await caughtUp(replica, server)
  await server.kill('SIGTERM')
  await server.restart()
  await write(server, 'after')
  await caughtUp(replica, server)
  assert.equal(sink.timelines.length, 1, 'a second base was taken')
  await assertSameDataset(await loadCaptured(t, sink.latest), server)
})

test('a replica that is behind us is not asked for everything: its primary is followed until it has caught up', async (t) => {
  const primary = await serverIn(t)
  const wire = await startCuttingProxy(t, primary.port)
  const late = await start(t, startServerReplica({ ...primary, port: wire.port }, { debug: true }))
  const view = { servers: [candidate(primary, 'primary')] }
  const { replica, sink, whys } = await follow(view)
  wire.targetPort = 1 // nobody is there
  wire.cutNow()
  await write(primary, 'missed')
  await caughtUp(replica, primary)
  view.servers = [candidate(primary, 'primary'), candidate(late, 'replica')]
  replica.changed() // as whoever watches believes that it is in step
  await until('it was left again', () => whys.some((why) => why.includes('it is behind what we have of its history')))
  await until('the primary is followed', () => replica.link.source === primary.id && replica.link.state === 'streaming')
  assert.equal(sink.timelines.length, 1)
  assert.match(await late.cli('INFO', 'stats'), /sync_full:0/)
})

test('a fresh replica does not know our history: the server that was promoted is asked first', async (t) => {
  const primary = await serverIn(t)
  const promoted = await replicaIn(t, primary)
  const view = { servers: [candidate(primary, 'primary')] }
  const { replica, sink } = await follow(view)
  await write(primary, 'before')
  await caughtUp(replica, primary)
  await until('the replica has it', async () => (await offsetOf(promoted)) === (await offsetOf(primary)))
  await primary.kill('SIGKILL')
  await promoted.cli('REPLICAOF', 'NO', 'ONE')
  const fresh = await replicaIn(t, promoted)
  view.servers = [candidate(promoted, 'primary'), candidate(fresh, 'replica')]
  replica.changed()
  await write(promoted, 'after')
  await caughtUp(replica, promoted)
  assert.equal(sink.timelines.length, 1)
})
