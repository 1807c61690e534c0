// A link to real servers: the dataset comes whole, the stream to the byte, and what was kept is loaded by a stock server.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startReplica, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { parseInfo } from '../src/redis/info.ts'
import { startLink, type Link, type LinkOptions } from '../src/replication/link.ts'
import type { Frame } from '../src/replication/stream-framer.ts'
import { Capture, loadCaptured } from './capture.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

nothingLeftAfterwards()

const RETRY = { firstMs: 10, longestMs: 100 }

async function serverFor(t: TestContext, ...conf: string[]): Promise<Server> {
  const server = await startServer({ debug: true, conf: ['databases 32', ...conf] })
  t.after(() => server.stop())
  return server
}

function linkTo(
  t: TestContext,
  server: Pick<Server, 'address' | 'access'>,
  options: Partial<LinkOptions> = {},
): [Link, Capture] {
  const sink = new Capture()
  const source = (): Pick<Server, 'address' | 'access'> => ({ address: server.address, access: server.access })
  const link = startLink({ source, sink, retry: RETRY, ...options })
  sink.onKept = (frame) => acknowledgeSafe(link, frame)
  t.after(() => link.stop())
  return [link, sink]
}

/** What was kept counts as durable; so a server that is stopped need not wait for us. */
function acknowledgeSafe(link: Link, { safe }: Frame): void {
  if (link.position !== undefined) link.acknowledge({ replid: link.position.replid, offset: safe })
}

async function offsetOf(server: Server): Promise<number> {
  const info = parseInfo((await server.cli('INFO', 'replication')).replaceAll('\n', '\r\n'))
  return Number(info.get('master_repl_offset'))
}

/** Nobody writes any more: all that the server counts has come. */
async function caughtUp(link: Link, server: Server): Promise<void> {
  await until(
    'the link has all',
    async () => link.state === 'streaming' && link.receivedOffset === (await offsetOf(server)),
    {
      timeoutMs: 60_000,
    },
  )
}

for (const [transfer, conf] of [
  ['from the child process, with an end mark', []],
  ['from a file, with its length', ['repl-diskless-sync no']],
  ['with the delay that is the default', ['repl-diskless-sync yes', 'repl-diskless-sync-delay 1']],
] as const)
  test(`base and stream of a flood, ${transfer}, load as the same dataset`, async (t) => {
    const server = await serverFor(t, ...conf)
    const flood = await startFlood({ server })
    await until('there is something to copy', () => flood.sent > 3_000)
    const [link, sink] = linkTo(t, server)
    await until('the stream flows', () => sink.commands > 5_000, { timeoutMs: 60_000 })
    await flood.stop()
    await caughtUp(link, server)
    assert.equal(sink.timelines.length, 1)
    assert.equal(sink.latest.isWhole, true)
    assert.equal(sink.latest.start.sizeBytes !== undefined, transfer.includes('length'))
    assert.equal(sink.latest.streamEnd, await offsetOf(server))
    await assertSameDataset(await loadCaptured(t, sink.latest), server)
  })

test('a link that is cut at random places under a flood misses nothing and takes no second base', async (t) => {
  const server = await serverFor(t, 'repl-backlog-size 64mb')
  const proxy = await startCuttingProxy(t, server.port)
  const flood = await startFlood({ server })
  const [link, sink] = linkTo(t, { address: { host: '127.0.0.1', port: proxy.port }, access: server.access })
  await until('the base is there', () => link.state === 'streaming')
  for (let round = 0; round < 25; round += 1) {
    const cutsBefore = proxy.cuts
    proxy.cutAfter(1 + Math.floor(Math.random() * 150_000))
    await until('the wire is cut', () => proxy.cuts > cutsBefore, { timeoutMs: 30_000, everyMs: 5 })
  }
  await flood.stop()
  await caughtUp(link, server)
  assert.equal(sink.timelines.length, 1, 'a second base was taken')
  assert.ok(sink.resumed.length >= 20, `resumed only ${sink.resumed.length} times`)
  assert.equal(sink.latest.streamEnd, await offsetOf(server))
  await assertSameDataset(await loadCaptured(t, sink.latest), server)
})

test('a replica is followed as well, in the database that its stream is in', async (t) => {
  const primary = await serverFor(t)
  const replica = await startReplica(primary, { debug: true, conf: ['databases 32'] })
  t.after(() => replica.stop())
  const client = ['-n', '7']
  await primary.cli(...client, 'SET', 'before', '1')
  await until('the replica has it', async () => (await replica.cli(...client, 'GET', 'before')) === '1')
  const [link, sink] = linkTo(t, replica)
  await until('the base is there', () => link.state === 'streaming')
  assert.equal(sink.latest.start.db, 7) // nothing in its stream will say so
  await primary.cli(...client, 'SET', 'after', '1')
  await until('the write has come', () => sink.commands > 0)
  await caughtUp(link, primary)
  await assertSameDataset(await loadCaptured(t, sink.latest), primary)
})

test('a new link goes on where an earlier one stopped, in its database', async (t) => {
  const server = await serverFor(t)
  const [first, sink] = linkTo(t, server)
  await until('the base is there', () => first.state === 'streaming')
  await server.cli('-n', '5', 'SET', 'a', '1')
  await until('the write has come', () => sink.commands > 1)
  await first.stop()
  await server.cli('-n', '5', 'SET', 'b', '1')
  const second = startLink({ source: () => server, sink, retry: RETRY, from: first.position })
  sink.onKept = (frame) => acknowledgeSafe(second, frame)
  t.after(() => second.stop())
  await caughtUp(second, server)
  assert.deepEqual([sink.timelines.length, sink.resumed.length, second.position?.db], [1, 1, 5])
  await assertSameDataset(await loadCaptured(t, sink.latest), server)
})
