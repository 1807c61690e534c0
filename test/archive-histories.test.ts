// Histories that go on and histories that part, and what the archive makes of them: a failover by Sentinel, a Cluster, a
// promoted server without our last bytes. Through the fleet, as the daemon archives.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { makeCertificates } from '../lab/certificates.ts'
import { startCluster } from '../lab/cluster.ts'
import { startReplica, startSentinel, startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { ShardReport } from '../src/archive-fleet.ts'
import { archive, assertNoSilentHole, folderStore, latest, layOut, offsetOf, stored, timelinesOf } from './archiving.ts'
import { archiveUrl } from './archived-url.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

nothingLeftAfterwards()

async function start(t: TestContext, made: Promise<Server>): Promise<Server> {
  const server = await made
  t.after(() => server.stop())
  return server
}

const serverIn = (t: TestContext, options: StartOptions = {}): Promise<Server> =>
  start(t, startServer({ debug: true, ...options }))

test('a failover by Sentinel under a flood continues the timeline, or begins one that is seen', async (t) => {
  const primary = await serverIn(t)
  const replicas = [
    await start(t, startReplica(primary, { debug: true })),
    await start(t, startReplica(primary, { debug: true })),
  ]
  const watches = [{ name: 'orders', server: primary }]
  const sentinel = await start(t, startSentinel({ watches, quorum: 1, downAfterMs: 1_000 }))
  const { store, report } = await archiveUrl(t, `redis+sentinel://127.0.0.1:${sentinel.port}/orders`)
  await until('it streams', () => report()?.replayable === true)
  const flood = await startFlood({ server: primary, pauseMs: 5 })
  await until('something was written', () => flood.sent > 3_000)
  await primary.kill('SIGKILL')
  await flood.stop()
  const promoted = await until('there is another primary', async () => {
    for (const replica of replicas)
      if ((await replica.cli('INFO', 'replication')).includes('role:master')) return replica
    return false
  })
  const again = await startFlood({ server: promoted, pauseMs: 5 })
  await until('more was written', () => again.sent > 3_000)
  await again.stop()
  await until(
    'all of it is in the store',
    async () => report()?.replayable === true && report()?.durable === (await offsetOf(promoted)),
    { timeoutMs: 60_000 },
  )
  const timelines = await timelinesOf(store)
  for (const timeline of timelines) assertNoSilentHole(timeline)
  const timeline = await latest(store)
  const isContinued = timelines.length === 1 && timeline.replids.length > 0
  const isForked = timelines.length === 2 && timeline.about?.parent?.timeline === timelines[0]?.id
  assert.ok(isContinued || isForked, JSON.stringify(timelines.map(({ about, replids }) => ({ about, replids }))))
  await assertSameDataset(await layOut(t, store, timeline, timeline.bases.at(-1) ?? assert.fail()), promoted)
})

test('a server that was promoted without our last bytes begins a timeline that says where they part', async (t) => {
  const primary = await serverIn(t)
  const wire = await startCuttingProxy(t, primary.port)
  const replica = await start(t, startReplica({ ...primary, port: wire.port }, { debug: true }))
  const store = await folderStore(t)
  let servers = [primary, replica]
  const archived = await archive(t, store, { servers: () => servers, attach: 'primary' })
  await until('it streams', () => archived.archiver.status()[0]?.replayable === true)
  await primary.cli('SET', 'shared', 'x')
  await stored(archived, primary)
  await until('the replica has it', async () => (await offsetOf(replica)) === (await offsetOf(primary)))
  wire.targetPort = 1 // nobody is there
  wire.cutNow()
  await primary.cli('SET', 'lost', 'x')
  await stored(archived, primary)
  const parted = await offsetOf(replica)
  await primary.kill('SIGKILL')
  await replica.cli('REPLICAOF', 'NO', 'ONE')
  servers = [replica]
  archived.archiver.changed()
  await replica.cli('SET', 'after', 'x')
  await until('a new timeline is there', async () => (await timelinesOf(store)).length === 2)
  await stored(archived, replica)
  await archived.stop()
  const [before = assert.fail(), after = assert.fail()] = await timelinesOf(store)
  assert.deepEqual(after.about?.parent, { timeline: before.id, offset: parted })
  assert.match(after.about.why, /without the last \d+ bytes/)
  const old = await layOut(t, store, before, before.bases[0] ?? assert.fail())
  assert.equal(await old.cli('EXISTS', 'shared', 'lost'), '2')
  await assertSameDataset(await layOut(t, store, after, after.bases[0] ?? assert.fail()), replica)
})

test('each shard of a Cluster has its archive, also when another server takes it over', async (t) => {
  const cluster = await startCluster(3, 1, { debug: true, conf: ['cluster-node-timeout 2000'] })
  t.after(() => cluster.stop())
  const [first = assert.fail()] = cluster.primaries
  const { store, kept } = await archiveUrl(t, first.url)
  const all = (): readonly ShardReport[] => kept.status()
  await until('three shards are archived', () => all().length === 3 && all().every(({ replayable }) => replayable))
  const names = all().map(({ shard }) => shard)
  const write = async (servers: readonly Server[], value: string): Promise<void> => {
    for (const server of servers) for (let at = 0; at < 12; at += 1) await server.cli('SET', `key:${at}`, value) // MOVED where it is not its slot
  }
  await write(cluster.primaries, 'before')
  const [replica = assert.fail()] = cluster.replicas
  await first.kill('SIGKILL')
  await until('it was taken over', async () => (await replica.cli('ROLE')).startsWith('master'), { timeoutMs: 60_000 })
  await first.restart() // as a replica that knows nothing of the history before
  const primaries = [replica, ...cluster.primaries.slice(1)]
  await until('the Cluster is ok', async () => (await replica.cli('CLUSTER', 'INFO')).includes('cluster_state:ok'))
  await write(primaries, 'after')
  for (const server of primaries)
    await until('its shard is in the store', async () => {
      const offset = await offsetOf(server)
      return all().some((status) => status.replayable && status.durable === offset)
    })
  assert.deepEqual(
    all().map(({ shard }) => shard),
    names,
  )
  for (const { shard } of all()) {
    const timelines = await timelinesOf(store, shard)
    // The server that was promoted has our history, and was not left for another.
    assert.equal(timelines.length, 1, JSON.stringify(timelines.map(({ about }) => about)))
    for (const each of timelines) assertNoSilentHole(each)
    const timeline = await latest(store, shard)
    const copy = await layOut(t, store, timeline, timeline.bases.at(-1) ?? assert.fail())
    const durable = (): number | undefined => all().find((each) => each.shard === shard)?.durable
    const server = await until('it is known whose it is', async () => {
      for (const each of primaries) if ((await offsetOf(each)) === durable()) return each // a PING may be on its way
      return undefined
    })
    await assertSameDataset(copy, server)
    await copy.stop()
  }
})

test('with TLS and a user who may do just that', async (t) => {
  const certificates = await makeCertificates(makeFolder('certificates'))
  const server = await serverIn(t, { tls: { certificates }, password: 'geheim' })
  await server.cli('ACL', 'SETUSER', 'archivist', 'on', '>nur-lesen', '+psync', '+replconf', '+ping', '+info')
  const access = { ...server.access, user: 'archivist', password: 'nur-lesen' }
  const store = await folderStore(t)
  const archived = await archive(t, store, { servers: () => [{ ...server, access, running: true }] })
  await until('it streams', () => archived.archiver.status()[0]?.replayable === true)
  for (let at = 0; at < 20; at += 1) await server.cli('SET', `key:${at}`, 'x')
  await stored(archived, server)
  await archived.stop()
  const timeline = await latest(store)
  await assertSameDataset(await layOut(t, store, timeline, timeline.bases[0] ?? assert.fail()), server)
})
