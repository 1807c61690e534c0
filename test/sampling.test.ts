// Sampling real servers: what could not be asked is said and spoils nothing else, a lost connection is no sample,
// queues are counted where they are, the slow log is followed, latency is that of the last interval.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startCluster } from '../lab/cluster.ts'
import { startReplica, startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { SampleSettings } from '../src/metrics/collector.ts'
import { startCollectors, takeSample, type Sample, type StartedCollectors } from '../src/metrics/take-sample.ts'
import { askOf } from '../src/redis/ask.ts'
import { Lost, openConnection, type Connection } from '../src/redis/connection.ts'
import type { Access } from '../src/redis/url.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

interface Sampled {
  readonly server: Server
  readonly connection: Connection
  readonly started: StartedCollectors
  sample(settings?: SampleSettings, now?: number): Promise<Sample>
}

async function start(t: TestContext, options: StartOptions = {}): Promise<Server> {
  const server = await startServer(options)
  t.after(() => server.stop())
  return server
}

async function sampled(
  t: TestContext,
  server: Server,
  { access = server.access, timeoutMs = 20_000 }: { access?: Access; timeoutMs?: number } = {},
): Promise<Sampled> {
  const connection = await openConnection({ address: server.address, access, timeoutMs })
  t.after(() => connection.close())
  const started = await startCollectors()
  const from = { ask: askOf(connection.send), kind: 'server' } as const
  return {
    server,
    connection,
    started,
    sample: (settings = {}, now = Date.now()) => takeSample(from, started, settings, now),
  }
}

const errorsOf = async (server: Server): Promise<number> =>
  Number(/total_error_replies:(\d+)/.exec(await server.cli('INFO', 'stats'))?.[1])

/** What all calls of a command took since the server began, as the server says it; 1 µs is its least. */
async function secondsIn(server: Server, command: string): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(new RegExp(`^cmdstat_${command}:calls=\\d+,usec=(\\d+)`, 'm').exec(stats)?.[1]) / 1e6
}

test('a command that the server does not have is said, and is not asked again', async (t) => {
  const server = await start(t, { conf: ['rename-command LATENCY ""'] })
  const { sample } = await sampled(t, server)
  const first = await sample()
  assert.deepEqual(
    first.couldNotLook.map(({ at }) => at),
    ['LATENCY HISTOGRAM', 'LATENCY LATEST'],
  )
  assert.match(first.couldNotLook[0]?.hint ?? '', /version/)
  assert.equal(first.snapshot.value('respite_could_not_look', 'at="LATENCY LATEST"'), 1)
  assert.equal(first.snapshot.value('redis_up'), 1)
  assert.equal(first.snapshot.value('redis_slowlog_length'), 0, 'the others go on')
  const errors = await errorsOf(server)
  const later = await sample({}, Date.now() + 5_000)
  assert.equal(later.couldNotLook.length, 2, 'it is still said')
  assert.equal(await errorsOf(server), errors, 'but the server was not bothered')
  await sample({}, Date.now() + 400_000)
  assert.equal(await errorsOf(server), errors + 2, 'after a while it is tried again')
})

test('what an ACL does not allow is said with its hint, and a right that is granted is noticed', async (t) => {
  const server = await start(t)
  await server.cli('ACL', 'SETUSER', 'watcher', 'on', '>pw', '+info', '+latency', '+client|setname', '+select')
  const { sample } = await sampled(t, server, { access: { user: 'watcher', password: 'pw' } })
  const first = await sample()
  assert.deepEqual(
    first.couldNotLook.map(({ at }) => at),
    ['CONFIG GET', 'SLOWLOG LEN'],
  )
  assert.ok(first.couldNotLook.every(({ why, hint }) => why.startsWith('NOPERM') && hint.includes('ACL')))
  assert.equal(first.snapshot.value('redis_db_keys', 'db="db15"'), 0, 'databases are taken to be sixteen')
  await server.cli('ACL', 'SETUSER', 'watcher', '+config|get', '+slowlog')
  const later = await sample({}, Date.now() + 400_000)
  assert.deepEqual(later.couldNotLook, [])
})

test('a connection that is lost, or a server that is stopped, is no sample', async (t) => {
  const server = await start(t)
  const { sample } = await sampled(t, server, { timeoutMs: 2_000 })
  await sample()
  await server.kill('SIGSTOP')
  await assert.rejects(sample(), (error) => error instanceof Lost && error.answer === 'silent')
  await server.kill('SIGCONT')
  await server.kill('SIGKILL')
  await assert.rejects(sample(), Lost)
})

test('slow commands are followed by id, with their client and without secrets', async (t) => {
  const server = await start(t, { conf: ['slowlog-log-slower-than 0', 'slowlog-max-len 512'] })
  const { sample, started } = await sampled(t, server)
  await sample()
  await server.cli('CONFIG', 'SET', 'masterauth', 'hunter2')
  for (let at = 0; at < 20; at += 1) await server.cli('SET', `key:${at}`, 'x')
  const { snapshot } = await sample()
  const commands = started.slowLog.entries.map(({ command }) => command.join(' '))
  for (let at = 0; at < 20; at += 1) assert.ok(commands.includes(`SET key:${at} x`), `key:${at}`)
  assert.ok(commands.includes('CONFIG SET masterauth (redacted)'))
  assert.ok(!JSON.stringify(started.slowLog.entries).includes('hunter2'))
  assert.ok(started.slowLog.entries.some(({ clientName }) => clientName === 'respite'))
  assert.equal(snapshot.value('respite_slowlog_missed_total'), 0)
  const counted = snapshot.value('respite_slow_commands_total') ?? 0
  assert.ok(counted >= 21, `${counted} were counted`)
  await server.cli('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
  await server.cli('SLOWLOG', 'RESET')
  const after = (await sample()).snapshot.value('respite_slow_commands_total') ?? 0
  assert.ok(after >= counted && after < counted + 40, `after a reset: ${after}`)
  // The newest entry is that of our own question for more.
  assert.ok((snapshot.value('redis_slowlog_last_id') ?? Infinity) <= started.slowLog.lastId)
})

test('p99 is that of the last interval and leaves out what watching costs', async (t) => {
  const server = await start(t, { debug: true })
  const { sample, connection } = await sampled(t, server)
  assert.equal((await sample()).snapshot.value('respite_latency_p99_seconds'), undefined, 'one look is no interval')
  assert.equal((await sample()).snapshot.value('respite_latency_p99_seconds'), undefined, 'nobody else was there')
  for (let at = 0; at < 5; at += 1) await connection.send('DEBUG', 'SLEEP', '0.01')
  const { snapshot } = await sample()
  const p99 = snapshot.value('respite_latency_p99_seconds') ?? 0
  // On a busy machine a sleep is longer than asked for; the server says how long all were. The bounds of buckets double.
  const longest = (await secondsIn(server, 'debug')) - 4 * 0.01
  assert.ok(p99 > 0.008 && p99 <= 2 * longest, `p99 ${p99}, the longest sleep took at most ${longest}`)
  await connection.send('SET', 'a', '1')
  const quick = (await sample()).snapshot.value('respite_latency_p99_seconds') ?? 1
  const set = await secondsIn(server, 'set')
  assert.ok(quick <= 2 * (set + 1e-6), `the sleeps are over: ${quick}, SET took ${set}`)
})

test('queues of Bull and Celery are found, counted, and their waiting consumers too', async (t) => {
  const server = await start(t)
  const { sample, connection } = await sampled(t, server)
  await connection.send('LPUSH', 'bull:mail:wait', '1', '2', '3')
  await connection.send('ZADD', 'bull:mail:delayed', '1', 'a')
  await connection.send('SET', 'bull:mail:meta', 'x')
  await server.cli('-n', '2', 'LPUSH', 'celery', 'a', 'b')
  await server.cli('-n', '2', 'LPUSH', 'celery\x06\x169', 'a')
  await server.cli('-n', '2', 'HSET', 'unacked', 'tag', 'message')
  const queues = [{ pattern: 'bull:*:wait' }, { pattern: 'celery', db: 2 }, { pattern: 'nobody' }]
  const now = Date.now()
  const { snapshot, couldNotLook } = await sample({ queues }, now)
  const depth = (db: number, key: string, queue: string, of = snapshot): number | undefined =>
    of.value('respite_queue_depth', `db="db${db}",key="${key}",queue="${queue}"`)
  assert.deepEqual(couldNotLook, [])
  assert.equal(depth(0, 'bull:mail:wait', 'mail'), 3)
  assert.equal(depth(0, 'bull:mail:delayed', 'mail'), 1)
  assert.equal(depth(0, 'bull:mail:active', 'mail'), 0)
  assert.equal(depth(2, 'celery', 'celery'), 2)
  assert.equal(depth(2, 'celery\x06\x169', 'celery'), 1)
  assert.equal(depth(2, 'unacked', 'unacked'), 1)
  assert.equal(depth(0, 'nobody', 'nobody'), 0, 'a queue that is named is shown though it is empty')
  assert.equal(snapshot.value('respite_queue_consumers_waiting', 'db="db2"'), 0)

  await connection.send('RPUSH', 'bull:mail:wait', ...Array.from({ length: 20 }, String))
  const consumer = await openConnection({ address: server.address, access: {}, timeoutMs: 5_000 })
  t.after(() => consumer.close())
  await consumer.send('SELECT', '2')
  const waiting = consumer.send('BLPOP', 'other', '0').catch(() => undefined)
  await until('the consumer waits', async () => (await server.cli('INFO', 'clients')).includes('blocked_clients:1'))
  const later = (await sample({ queues }, now + 10_000)).snapshot
  assert.equal(depth(0, 'bull:mail:wait', 'mail', later), 23)
  assert.equal(later.value('respite_queue_growth_per_second', 'db="db0",key="bull:mail:wait",queue="mail"'), 2)
  assert.equal(later.value('respite_queue_consumers_waiting', 'db="db2"'), 1)
  await connection.send('DEL', 'bull:mail:wait')
  assert.equal(depth(0, 'bull:mail:wait', 'mail', (await sample({ queues }, now + 15_000)).snapshot), 0)
  consumer.close()
  await waiting
})

test('a pattern over many keys is looked through in steps, never with KEYS', async (t) => {
  const server = await start(t, { debug: true })
  await server.cli('DEBUG', 'POPULATE', '50000')
  await server.cli('RPUSH', 'jobs:late', 'a', 'b')
  const { sample } = await sampled(t, server)
  const queues = [{ pattern: 'jobs:*' }]
  let samples = 0
  await until('the queue is found', async () => {
    samples += 1
    const { snapshot } = await sample({ queues })
    return snapshot.value('respite_queue_depth', 'db="db0",key="jobs:late",queue="jobs:late"') === 2
  })
  const stats = await server.cli('INFO', 'commandstats')
  const scans = Number(/cmdstat_scan:calls=(\d+)/.exec(stats)?.[1])
  assert.ok(scans <= 10 * samples, `${scans} steps in ${samples} samples`)
  assert.doesNotMatch(stats, /cmdstat_keys/)
})

test('a queue key of a Cluster is counted by the node that has it and by no other', async (t) => {
  const cluster = await startCluster(3)
  t.after(() => cluster.stop())
  const seen: number[] = []
  for (const node of cluster.nodes) {
    const { sample, connection } = await sampled(t, node)
    await connection.send('LPUSH', 'jobs', 'a').catch(() => undefined) // two of three refuse: MOVED
    const { snapshot, couldNotLook } = await sample({ queues: [{ pattern: 'jobs' }] })
    assert.deepEqual(couldNotLook, [])
    const depth = snapshot.value('respite_queue_depth')
    if (depth !== undefined) seen.push(depth)
  }
  assert.deepEqual(seen, [1])
})

test('a replica is sampled without its queues, which are those of its primary', async (t) => {
  const primary = await start(t)
  const replica = await startReplica(primary)
  t.after(() => replica.stop())
  await primary.cli('LPUSH', 'jobs', 'a')
  const { sample } = await sampled(t, replica)
  const { snapshot } = await sample({ queues: [{ pattern: 'jobs' }] })
  assert.equal(snapshot.value('respite_queue_depth'), undefined)
  assert.equal(snapshot.value('redis_master_link_up'), 1)
})

test('a server with a password, over a unix socket, is sampled alike', async (t) => {
  const server = await start(t, { password: 'open sesame', socket: true })
  assert.ok(server.socketPath)
  const address = { path: server.socketPath }
  const connection = await openConnection({ address, access: server.access, timeoutMs: 20_000 })
  t.after(() => connection.close())
  const { snapshot } = await takeSample(
    { ask: askOf(connection.send), kind: 'server' },
    await startCollectors(),
    {},
    Date.now(),
  )
  assert.equal(snapshot.value('redis_up'), 1)
})

test('all clients of a server are listed when that is asked for', async (t) => {
  const server = await start(t)
  const { sample } = await sampled(t, server)
  const { snapshot } = await sample({ clientList: true })
  const info = snapshot.series.find((series) => series.name === 'redis_connected_client_info')
  assert.match(
    info?.labels ?? '',
    /^db="0",flags="N",host="127.0.0.1",id="\d+",name="respite",resp="2",user="default"$/,
  )
})
