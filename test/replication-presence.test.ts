// What a server sees of us: WAIT, SHUTDOWN and min-replicas count us as they count any replica, so what we acknowledge
// is what is durable and nothing else.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startReplica as startServerReplica, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { openConnection, type Connection } from '../src/redis/connection.ts'
import { startLink, type Link } from '../src/replication/link.ts'
import { Capture } from './capture.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const links = new Set<Link>()

async function attach(server: Server): Promise<{ link: Link; sink: Capture; durable(offset: number): void }> {
  const sink = new Capture()
  const link = startLink({ source: () => server, sink, retry: { firstMs: 10, longestMs: 100 } })
  links.add(link)
  await until('the stream flows', () => link.state === 'streaming')
  await until('the server counts us', async () => (await server.cli('INFO', 'replication')).includes('state=online'))
  const durable = (offset: number): void => link.acknowledge({ replid: sink.latest.start.replid, offset })
  return { link, sink, durable }
}

async function start(t: TestContext, made: Promise<Server>): Promise<Server> {
  const server = await made
  t.after(async () => {
    await Promise.all(Array.from(links, (link) => link.stop())) // or it would wait for their word
    await server.stop()
  })
  return server
}

/** One client: WAIT asks for the writes of its own connection. */
async function client(t: TestContext, { address, access }: Server): Promise<Connection> {
  const connection = await openConnection({ address, access, timeoutMs: 30_000 })
  t.after(() => connection.close())
  return connection
}

test('WAIT is answered when the write is durable, at once, and not before', async (t) => {
  const server = await start(t, startServer())
  const { link, sink, durable } = await attach(server)
  const { send } = await client(t, server)
  await send('SET', 'a', '1')
  assert.equal(await send('WAIT', '1', '300'), 0) // received, and nobody said that it is durable
  await send('SET', 'b', '2')
  const waiting = send('WAIT', '1', '0')
  await until('the server asks', () => sink.getAcks === 2)
  durable(link.receivedOffset ?? 0)
  assert.equal(await waiting, 1)
})

test('what is durable of another history is not of this one', async (t) => {
  const server = await start(t, startServer())
  const { link } = await attach(server)
  const { send } = await client(t, server)
  link.acknowledge({ replid: 'e'.repeat(40), offset: 1_000_000 })
  await send('SET', 'a', '1')
  assert.equal(await send('WAIT', '1', '300'), 0)
})

test('what was written before the first replica came is not answered for before its base is stored', async (t) => {
  const server = await start(t, startServer())
  const { send } = await client(t, server)
  await send('SET', 'a', '1') // at offset 0 of Redis 7.0, which counts only what it sends
  const waiting = send('WAIT', '1', '20000')
  const sink = new Capture()
  const retry = { firstMs: 10, longestMs: 100 }
  const link = startLink({ source: () => server, sink, retry, receipts: true })
  links.add(link)
  await until('the base has come', () => sink.timelines[0]?.isWhole)
  await until('it was sent', async () => (await server.cli('INFO', 'persistence')).includes('rdb_bgsave_in_progress:0'))
  assert.match(await server.cli('INFO', 'clients'), /blocked_clients:1/)
  link.acknowledge({ replid: sink.latest.start.replid, offset: 0 })
  assert.equal(await waiting, 1)
  await send('SET', 'a', '2')
  await until('the stream goes on behind it', () => link.state === 'streaming' && sink.commands > 0)
  assert.match(await server.cli('INFO', 'stats'), /sync_full:1\s+sync_partial_ok:1/)
  assert.equal(sink.timelines.length, 1)
})

test('SHUTDOWN does not wait for us once everything is durable', async (t) => {
  const server = await start(t, startServer())
  const { link, sink, durable } = await attach(server)
  sink.onKept = (frame) => durable(frame.safe)
  await server.cli('SET', 'a', '1')
  await until('the write has come', () => link.receivedOffset === sink.latest.safe && sink.commands > 0)
  await server.kill('SIGTERM')
  assert.match(server.log(), /1 of 1 replicas are in sync when shutting down/) // after 10 s it would say 0 of 1
})

test('a primary that wants a replica takes writes with us alone: that is for the preflight to say', async (t) => {
  const server = await start(t, startServer({ conf: ['min-replicas-to-write 1', 'min-replicas-max-lag 3'] }))
  assert.match(await server.cli('SET', 'a', '1'), /NOREPLICAS/)
  const { link } = await attach(server)
  await until('writes are taken', async () => (await server.cli('SET', 'a', '1')) === 'OK')
  await link.stop()
  await until('and refused again', async () => /NOREPLICAS/.test(await server.cli('SET', 'a', '2')))
})

test('behind a replica nobody waits for us', async (t) => {
  const primary = await start(t, startServer())
  const replica = await start(t, startServerReplica(primary))
  await attach(replica)
  assert.match(await primary.cli('INFO', 'replication'), /connected_slaves:1/)
  const { send } = await client(t, primary)
  await send('SET', 'a', '1')
  assert.equal(await send('WAIT', '1', '0'), 1) // the replica, whenever it comes to it
  assert.equal(await send('WAIT', '2', '300'), 1)
})

test('a sink that is slow makes the server wait, and says since when', async (t) => {
  const server = await start(t, startServer())
  const { link, sink } = await attach(server)
  let release: (() => void) | undefined
  sink.onKept = () => new Promise((resolve) => void (release = resolve))
  await server.cli('SET', 'a', '1')
  const held = await until('the sink holds', () => link.held)
  for (let round = 0; round < 40; round += 1) await server.cli('SET', 'large', 'x'.repeat(100_000))
  await until('the server keeps the rest', async () =>
    /slave0:[^\n]*lag=0/.test(await server.cli('INFO', 'replication')),
  )
  assert.deepEqual(link.held?.sinceMs, held.sinceMs)
  assert.ok((link.held?.bytes ?? 0) < 1_000_000, 'we have read on')
  sink.onKept = undefined
  release?.()
  await until('all has come', async () =>
    (await server.cli('INFO', 'replication')).includes(`master_repl_offset:${link.receivedOffset}\n`),
  )
  assert.equal(link.held, undefined)
})

test('a link that is dropped comes back where it was', async (t) => {
  const server = await start(t, startServer())
  const { link, sink } = await attach(server)
  link.drop('the spool is full')
  await until('it came back', () => sink.resumed.length === 1 && link.state === 'streaming')
  assert.equal(sink.timelines.length, 1)
})
