// The shipped rules on real servers that are made to suffer: each alert fires with what it is about, and ends when the
// cause does. Windows and waiting times are cut short, but for one test of the time that a death takes to be told.

import assert from 'node:assert/strict'
import { mkdirSync, rmdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { spawnChild } from '../lab/children.ts'
import { startCluster } from '../lab/cluster.ts'
import { startSentinel, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { systemClock } from '../src/lib/clock.ts'
import { openConnection } from '../src/redis/connection.ts'
import { evaluate, hurried, keepDoing, replicaOf, server, shippedRules } from './evaluating.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { howLong } from './watched.ts'

nothingLeftAfterwards()

const BUILT_IN = hurried(shippedRules('redis.yml'))
const DAY_MS = 86_400_000

function openSockets(t: TestContext, { port }: Server, count: number): () => void {
  const sockets: Socket[] = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => undefined))
  const close = (): void => sockets.forEach((socket) => socket.destroy())
  t.after(close)
  return close
}

suite('alerts on servers', { concurrency: 3 }, () => {
  test('a server that dies is pending within two seconds, fires after its minute, and ends when it is back', async (t) => {
    const one = await server(t)
    const watched = evaluate(t, { url: one.url, rules: shippedRules('redis.yml') })
    await watched.untilSampled()
    await watched.untilQuiet()
    await one.kill('SIGKILL')
    const killedAt = performance.now()
    const pendingMs = await howLong(() => watched.lines().some((line) => line.startsWith('RedisDown ')))
    assert.ok(pendingMs < 2_500, `pending after ${pendingMs} ms`)
    const firing = (): string[] => watched.lines().filter((line) => line.endsWith('firing'))
    await until('an alert fires', () => firing().length > 0, { timeoutMs: 120_000, everyMs: 200 })
    assert.ok(performance.now() - killedAt > 55_000, firing().join('\n'))
    const labels = { answer: 'refused', instance: one.id, role: 'primary' }
    const { activeAt, firedAt = Infinity } = await watched.untilFires('RedisDown', labels)
    // By the alert's own times: how late this test looks is no matter.
    assert.ok(firedAt - activeAt >= 60_000 && firedAt - activeAt < 65_000, `fires after ${firedAt - activeAt} ms`)
    await one.restart()
    await watched.untilEnds('RedisDown')
  })

  test('a stopped process is down with its answer, and not called dead', async (t) => {
    const one = await server(t)
    const watched = evaluate(t, { url: one.url, rules: BUILT_IN })
    await watched.untilSampled()
    await one.kill('SIGSTOP')
    const { annotations } = await watched.untilFires('RedisDown', { answer: 'stopped', severity: 'critical' })
    assert.match(annotations['summary'] ?? '', /answers "stopped"/)
    await one.kill('SIGCONT')
    await watched.untilEnds('RedisDown')
  })

  test('memory that is high, then full, with writes refused; and free again', async (t) => {
    const one = await server(t, 'maxmemory 20mb', 'maxmemory-policy noeviction')
    const watched = evaluate(t, { url: one.url, rules: BUILT_IN, canary: true })
    await watched.untilSampled()
    await one.cli('SETRANGE', 'big', '16000000', 'x')
    await watched.untilFires('RedisMemoryHigh', { limit: 'maxmemory', severity: 'warning' })
    for (let at = 0; !(await one.cli('SETRANGE', `more:${at}`, '400000', 'x')).startsWith('OOM'); at += 1)
      assert.ok(at < 100, 'it is never full')
    await watched.untilFires('MemoryFull', { limit: 'maxmemory', severity: 'critical' })
    await watched.untilFires('WritesRefused', { answer: 'oom' })
    await watched.untilEnds('RedisMemoryHigh') // the critical one stands in its place
    await one.cli('FLUSHALL')
    for (const name of ['MemoryFull', 'WritesRefused', 'RedisMemoryHigh']) await watched.untilEnds(name)
  })

  test('evictions of a store, and none of them of a cache', async (t) => {
    const one = await server(t, 'maxmemory 5mb', 'maxmemory-policy allkeys-lru')
    const store = evaluate(t, { url: one.url, rules: BUILT_IN })
    const cache = evaluate(t, { url: one.url, rules: BUILT_IN, dataClass: 'cache' })
    await store.untilSampled()
    await cache.untilSampled()
    let key = 0
    const stop = keepDoing(t, () => one.cli('SETRANGE', `key:${(key += 1)}`, '200000', 'x'))
    await store.untilFires('RedisEvictions', { data_class: 'store' })
    await store.untilFires('RedisMemoryHigh')
    const ofSpace = /^(RedisEvictions|RedisMemoryHigh|MemoryFull|WritesRefused) /
    assert.deepEqual(
      cache.lines().filter((line) => ofSpace.test(line)),
      [],
      'a cache is full by design',
    )
    await stop()
    await store.untilEnds('RedisEvictions')
  })

  test('connections that run out, and those that are turned away', async (t) => {
    const one = await server(t, 'maxclients 60')
    const watched = evaluate(t, { url: one.url, rules: BUILT_IN })
    await watched.untilSampled()
    const close = openSockets(t, one, 52)
    await watched.untilFires('RedisConnectionsHigh')
    const closeMore = openSockets(t, one, 20)
    await watched.untilFires('RedisRejectedConnections')
    closeMore()
    close()
    await watched.untilEnds('RedisConnectionsHigh')
    await watched.untilEnds('RedisRejectedConnections')
    await watched.untilEnds('RedisDown')
  })

  test('slow commands and the latency that they make', async (t) => {
    const one = await server(t)
    const watched = evaluate(t, { url: one.url, rules: BUILT_IN })
    await watched.untilSampled()
    const stop = keepDoing(t, () => one.cli('DEBUG', 'SLEEP', '0.02'))
    await watched.untilFires('SlowCommands')
    await watched.untilFires('RedisLatencyHigh', { severity: 'critical' })
    await stop()
    await watched.untilEnds('SlowCommands')
    await watched.untilEnds('RedisLatencyHigh')
  })

  test('a server that is busy with very many commands', async (t) => {
    const one = await server(t)
    // On a machine that others use too, no process can count on 70 % of a core, nor on what it could do with that.
    const rules = [') > 0.7', '[10s]) > 100000'].reduce((text, limit) => {
      assert.equal(text.split(limit).length, 2, `there is one ${limit}`)
      return text.replace(limit, limit.replace('0.7', '0.05').replace('100000', '1000'))
    }, BUILT_IN)
    const watched = evaluate(t, { url: one.url, rules })
    await watched.untilSampled()
    const words = ['-p', String(one.port), '-q', '-P', '100', '-n', '1000000000', '-t', 'incr']
    const load = await spawnChild('redis-benchmark', words, { name: 'load', dir: one.dir })
    t.after(() => load.kill('SIGKILL'))
    await watched.untilFires('RedisCommandsHigh')
    await watched.untilFires('RedisCpuHigh')
    load.kill('SIGKILL')
    await load.exited
    await watched.untilEnds('RedisCommandsHigh')
    await watched.untilEnds('RedisCpuHigh')
  })

  test('logins that are refused', async (t) => {
    const one = await server(t)
    const watched = evaluate(t, { url: one.url, rules: BUILT_IN })
    await one.cli('AUTH', 'nobody', 'wrong') // a counter is there from its first error on
    await watched.untilSampled()
    const stranger = await openConnection({ ...one, timeoutMs: 20_000, name: 'stranger' })
    t.after(() => stranger.close())
    for (let at = 0; at < 20; at += 1)
      await assert.rejects(stranger.send('AUTH', 'nobody', 'wrong'), { answer: 'wrongpass' })
    await watched.untilFires('RedisAuthErrors')
    await watched.untilEnds('RedisAuthErrors')
  })

  test('a replica that lags, and one that lost its primary; a backup that is attached fools neither', async (t) => {
    const primary = await server(t, 'save ""')
    const replica = await replicaOf(t, primary)
    const watched = evaluate(t, { url: primary.url, rules: BUILT_IN, dataClass: 'cache' })
    await watched.untilSampled()
    const backup = await spawnChild('redis-cli', ['-p', String(primary.port), '--replica'], {
      name: 'backup',
      dir: primary.dir,
    })
    t.after(() => backup.kill('SIGKILL'))
    const connected = async (): Promise<string> =>
      /connected_slaves:(\d+)/.exec(await primary.cli('INFO', 'replication'))?.[1] ?? ''
    await until('the backup is attached', async () => (await connected()) === '2')

    const stop = keepDoing(t, () => primary.cli('INCR', 'n'))
    await replica.kill('SIGSTOP')
    await watched.untilFires('ReplicationLag', { instance: replica.id, severity: 'warning' })
    await watched.untilFires('ReplicationLag', { instance: replica.id, severity: 'critical' })
    await replica.kill('SIGCONT')
    await watched.untilEnds('ReplicationLag')
    await stop()

    await replica.cli('CONFIG', 'SET', 'masterauth', 'wrong', 'masteruser', 'nobody')
    await primary.cli('CLIENT', 'KILL', 'ADDR', await addressOfReplica(primary, replica))
    const alert = await watched.untilFires('RedisDisconnectedSlaves', { instance: replica.id, role: 'replica' })
    assert.equal(alert.labels['deployment'], 'orders')
    await replica.cli('CONFIG', 'SET', 'masterauth', '', 'masteruser', '')
    await watched.untilEnds('RedisDisconnectedSlaves')

    await replica.kill('SIGKILL')
    await watched.untilFires('RedisDisconnectedSlaves', { instance: replica.id })
    await replica.restart()
    await watched.untilEnds('RedisDisconnectedSlaves')
    backup.kill('SIGKILL')
    await backup.exited
    await watched.untilQuiet()
  })

  test('saves that fail, data that was never saved, and changes that are too old', async (t) => {
    const one = await server(t, 'save ""')
    const watched = evaluate(t, { url: one.url, rules: BUILT_IN, rpoMs: 6_000 })
    await watched.untilSampled()
    await one.cli('SET', 'a', '1')
    await watched.untilFires('RedisMissingBackup', { reason: 'never', shard: one.id })
    await one.cli('BGSAVE')
    await watched.untilEnds('RedisMissingBackup')
    await watched.untilQuiet() // nobody writes: what is saved does not grow too old
    await one.cli('SET', 'a', '2')
    await watched.untilFires('RedisMissingBackup', { reason: 'overdue' })

    const gone = join(one.dir, 'gone')
    mkdirSync(gone)
    await one.cli('CONFIG', 'SET', 'dir', gone)
    rmdirSync(gone)
    await one.cli('BGSAVE')
    await watched.untilFires('PersistenceFailure', { failing: 'snapshot', severity: 'critical' })
    await one.cli('CONFIG', 'SET', 'dir', one.dir)
    await one.cli('BGSAVE')
    await watched.untilEnds('PersistenceFailure')
    await watched.untilEnds('RedisMissingBackup')
  })

  test('a Sentinel without a quorum', async (t) => {
    const primary = await server(t)
    await replicaOf(t, primary)
    const watches = [{ name: 'shop', server: primary }]
    const [first, second] = await Promise.all([1, 2].map(() => startSentinel({ watches, quorum: 2 })))
    assert.ok(first !== undefined && second !== undefined)
    t.after(() => Promise.all([first.stop(), second.stop()]))
    await until('the Sentinels know each other', async () =>
      (await first.cli('SENTINEL', 'CKQUORUM', 'shop')).startsWith('OK'),
    )
    const watched = evaluate(t, { url: `redis+sentinel://${first.id}/shop`, rules: BUILT_IN, dataClass: 'cache' })
    await watched.untilSampled()
    await second.kill('SIGKILL')
    await watched.untilFires('RedisSentinelNoQuorum', { master_name: 'shop' })
    await second.restart()
    await watched.untilEnds('RedisSentinelNoQuorum')
  })

  test('a Cluster that lost a shard', async (t) => {
    const cluster = await startCluster(3)
    t.after(() => cluster.stop())
    const [first, lost] = cluster.nodes
    assert.ok(first !== undefined && lost !== undefined)
    const watched = evaluate(t, { url: first.url, rules: BUILT_IN, dataClass: 'cache' })
    await watched.untilSampled()
    await lost.kill('SIGKILL')
    await watched.untilFires('RedisClusterDown', { deployment: 'orders' })
    const { value } = await watched.untilFires('RedisClusterSlotsUncovered')
    assert.ok(value > 5_000 && value < 6_000, `${value} slots`)
    await lost.restart()
    await watched.untilEnds('RedisClusterDown')
    await watched.untilEnds('RedisClusterSlotsUncovered')
  })

  test("the documents' rules fire and end", async (t) => {
    const primary = await server(t, 'maxclients 60', 'maxmemory 20mb')
    const replica = await replicaOf(t, primary)
    const watched = evaluate(t, { url: primary.url, rules: hurried(shippedRules('documents.yml')) })
    await watched.untilSampled()
    await primary.cli('SETRANGE', 'big', '16500000', 'x')
    await watched.untilFires('RedisMemoryHigh', { instance: primary.id })
    await primary.cli('DEL', 'big')
    const close = openSockets(t, primary, 52)
    await watched.untilFires('RedisConnectionsHigh', { instance: primary.id, severity: 'warning' })
    close()
    await watched.untilEnds('RedisConnectionsHigh')
    await replica.cli('REPLICAOF', '127.0.0.1', '1')
    const { annotations, value } = await watched.untilFires('RedisDisconnectedSlaves', { deployment: 'orders' })
    assert.equal(value, 1)
    assert.equal(annotations['summary'], 'Redis disconnected slaves (instance )')
    assert.match(annotations['description'] ?? '', /\n {2}VALUE = 1\n {2}LABELS = map\[deployment:orders\]$/)
    await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
    await watched.untilEnds('RedisDisconnectedSlaves')
    await primary.kill('SIGKILL')
    await watched.untilFires('RedisDown', { instance: primary.id })
    await primary.restart()
    // Only that one: who was named as the replica's primary is watched for a minute, and these rules call it down.
    await watched.untilEnds('RedisDown', { instance: primary.id })
  })

  test("the documents' RedisMissingBackup, a day later by the clock of Respite", async (t) => {
    const one = await server(t)
    let aheadMs = DAY_MS + 3_600_000
    const clock = { ...systemClock, now: () => Date.now() + aheadMs }
    const watched = evaluate(t, { url: one.url, rules: shippedRules('documents.yml'), clock })
    const { annotations, value } = await watched.untilFires('RedisMissingBackup', { severity: 'critical' })
    assert.ok(value >= aheadMs / 1000 && value < aheadMs / 1000 + 120, `${value} s`)
    assert.equal(annotations['summary'], `Redis missing backup (instance ${one.id})`)
    const says = annotations['description'] ?? ''
    assert.ok(says.endsWith(`LABELS = map[deployment:orders instance:${one.id}]`), says)
    aheadMs = 0
    await watched.untilEnds('RedisMissingBackup')
  })
})

async function addressOfReplica(primary: Server, replica: Server): Promise<string> {
  const list = (await primary.cli('CLIENT', 'LIST', 'TYPE', 'replica')).split('\n')
  const port = /tcp_port:(\d+)/.exec(await replica.cli('INFO', 'server'))?.[1]
  const roles = await primary.cli('INFO', 'replication')
  assert.match(roles, new RegExp(`port=${port},`))
  // The backup announces no port and is a client named by nobody; the replica is the one that acknowledges.
  const line = list.find((one) => one.includes('cmd=replconf')) ?? list[0] ?? ''
  return /\baddr=(\S+)/.exec(line)?.[1] ?? ''
}
