// Failovers under a flood, again and again on one archive: of a primary by a Sentinel, and of the shards of a Cluster. The
// history of the dataset goes on in its timeline, or begins another one that says where it comes from.

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../lab/children.ts'
import { startCluster } from '../lab/cluster.ts'
import { startReplica, startSentinel, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { infoOf } from './archiving.ts'
import { startFlood } from './flood.ts'
import { KilledArchive } from './killing.ts'
import { assertSameDataset } from './same-dataset.ts'

export type Outcome = 'continued' | 'forked'

export interface FailingOver {
  readonly archive: KilledArchive
  /** Kills a primary and waits until all goes on elsewhere, and is in the store. */
  fail(): Promise<Outcome>
  stop(): Promise<void>
}

const PATIENTLY = { timeoutMs: 120_000, everyMs: 100 }

/** One primary, two replicas, one Sentinel. */
export async function startFailingSentinel(): Promise<FailingOver> {
  const first = await startServer({ debug: true })
  const others = await Promise.all([startReplica(first, { debug: true }), startReplica(first, { debug: true })])
  const servers = [first, ...others]
  const watches = [{ name: 'orders', server: first }]
  const sentinel = await startSentinel({ watches, quorum: 1, downAfterMs: 2_000 })
  const archive = await openIn(`redis+sentinel://127.0.0.1:${sentinel.port}/orders`)
  await archive.caughtUp(first)
  const primary = async (): Promise<Server | undefined> => {
    const [, port] = (await sentinel.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'orders')).split('\n')
    return servers.find((server) => server.port === Number(port))
  }
  return {
    archive,
    fail: async () => {
      const old = (await primary()) ?? assert.fail('there is no primary')
      const promoted = await failOver(old, async () => {
        const next = await primary()
        return next !== old && (await isPrimary(next)) ? next : undefined
      })
      await until('all follow one', async () => (await allFollow(servers, await primary())) || undefined, PATIENTLY)
      return outcomeOf(archive, (await primary()) ?? promoted)
    },
    stop: async () => void (await Promise.all([sentinel, ...servers].map((server) => server.stop()))),
  }
}

/** Three shards of two servers each; one after the other loses its primary. */
export async function startFailingCluster(): Promise<FailingOver> {
  const cluster = await startCluster(3, 1, { debug: true, conf: ['cluster-node-timeout 2000'] })
  const pairs = cluster.primaries.map((server, at) => [server, cluster.replicas[at] ?? assert.fail()] as const)
  const archive = await openIn(pairs.map(([server]) => server)[0]?.url ?? '')
  for (const server of cluster.primaries) await archive.coversAll(server)
  let turn = 0
  return {
    archive,
    fail: async () => {
      const pair = pairs[turn++ % pairs.length] ?? assert.fail()
      const [old, other] = (await isPrimary(pair[0])) ? pair : pair.toReversed()
      if (old === undefined || other === undefined) throw new Error('a shard has two servers')
      const isOk = async (): Promise<boolean> => (await other.cli('CLUSTER', 'INFO')).includes('cluster_state:ok')
      const promoted = await failOver(old, async () => ((await isPrimary(other)) && (await isOk()) ? other : undefined))
      await isFollowing(old)
      for (const each of pairs.flat()) if (await isPrimary(each)) await archive.coversAll(each)
      return outcomeOf(archive, promoted)
    },
    stop: () => cluster.stop(),
  }
}

async function openIn(url: string): Promise<KilledArchive> {
  const archive = await KilledArchive.open({ url, store: `file://${makeFolder('store')}` })
  await archive.start()
  return archive
}

async function isPrimary(server: Server | undefined): Promise<boolean> {
  return server !== undefined && (await server.cli('ROLE')).startsWith('master')
}

async function isFollowing(server: Server): Promise<void> {
  const follows = async (): Promise<boolean> => (await infoOf(server, 'replication')).get('master_link_status') === 'up'
  await until(`${server.id} follows`, follows, PATIENTLY)
}

/** On a busy machine a Sentinel may go on to another one. */
async function allFollow(servers: readonly Server[], primary: Server | undefined): Promise<boolean> {
  if (primary === undefined || !(await isPrimary(primary))) return false
  for (const server of servers) {
    if (server === primary) continue
    const info = await infoOf(server, 'replication')
    const isUp = info.get('master_link_status') === 'up'
    if (!isUp || info.get('master_port') !== String(primary.port)) return false
  }
  return true
}

/** Under a flood on both sides of it. */
async function failOver(old: Server, promoted: () => Promise<Server | undefined>): Promise<Server> {
  const before = await startFlood({ server: old, pauseMs: 20 })
  await sleep(300 + Math.random() * 1_500)
  await old.kill('SIGKILL')
  await before.stop()
  const next = await until('there is another primary', promoted, PATIENTLY)
  const after = await startFlood({ server: next, pauseMs: 20 })
  await old.restart()
  await sleep(Math.random() * 1_000)
  await after.stop()
  return next
}

/** What the archive made of it, after everything in it was read back and its end was compared with the server. */
async function outcomeOf(archive: KilledArchive, promoted: Server): Promise<Outcome> {
  await archive.coversAll(promoted)
  await archive.check()
  const replid = (await infoOf(promoted, 'replication')).get('master_replid')
  const { shards } = await archive.catalogue()
  const shard = shards.find(({ timelines }) => {
    const { about, replids } = timelines.at(-1) ?? assert.fail()
    return [about, ...replids].some((each) => each?.replid === replid)
  })
  if (shard === undefined) throw new Error('no shard has that history')
  const { timelines } = shard
  const [before, newest] = [timelines.at(-2), timelines.at(-1) ?? assert.fail()]
  assert.equal(newest.about?.parent?.timeline, before?.id)
  const restored = await archive.restore({ shard: shard.name })
  try {
    await assertSameDataset(restored, promoted)
  } finally {
    await restored.stop()
  }
  return newest.replids.some((each) => each.replid === replid) ? 'continued' : 'forked'
}
