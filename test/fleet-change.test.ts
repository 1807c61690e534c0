// A fleet that changes: servers die, fail over, vanish, come and are restarted; and how far behind replicas are.

import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { startReplica, startSentinel, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { readPage } from '../src/metrics/exposition.ts'
import { Metrics } from '../src/metrics/watch-metrics.ts'
import { openConnection } from '../src/redis/connection.ts'
import { parseInfo, parsePairs } from '../src/redis/info.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { linesOf, rememberedTopology, untilFleet, viewIn, watchUrl } from './watching.ts'

nothingLeftAfterwards()

async function startPair(t: TestContext, conf: readonly string[] = []): Promise<[Server, Server]> {
  const primary = await startServer({ name: 'primary', conf })
  t.after(() => primary.stop())
  const replica = await startReplica(primary)
  t.after(() => replica.stop())
  return [primary, replica]
}

interface Said {
  readonly written: number
  readonly acknowledged: number
  readonly lag: number
}

/** What a primary says of itself and of its only replica. */
async function saidBy(primary: Server): Promise<Said> {
  const info = parseInfo(await primary.cli('INFO', 'replication'))
  const { offset, lag } = parsePairs(info.get('slave0') ?? '')
  return { written: Number(info.get('master_repl_offset')), acknowledged: Number(offset), lag: Number(lag) }
}

async function untilAllAcknowledged(primary: Server): Promise<void> {
  await until('the replica has acknowledged all', async () => {
    const { written, acknowledged } = await saidBy(primary)
    return written > 0 && acknowledged === written
  })
}

const NO_PINGS = ['repl-ping-replica-period 3600'] // a ping is a write to the replica too

/** Writes twenty times a second until the test ends or `stop` is called. */
async function writeSteadily(t: TestContext, { address, access }: Server): Promise<{ stop(): void }> {
  const connection = await openConnection({ address, access, timeoutMs: 5_000, name: 'writer' })
  const timer = setInterval(() => void connection.send('INCR', 'counter').catch(() => undefined), 50)
  const stop = (): void => {
    clearInterval(timer)
    connection.close()
  }
  t.after(stop)
  return { stop }
}

suite('change', { concurrency: 2 }, () => {
  test('failover by a Sentinel: the roles change, nobody is lost, the dead one is watched and expected', async (t) => {
    const [primary, replica] = await startPair(t)
    const other = await startReplica(primary)
    t.after(() => other.stop())
    const watches = [{ name: 'orders', server: primary }]
    const sentinel = await startSentinel({ watches, quorum: 1 })
    t.after(() => sentinel.stop())
    const fleet = watchUrl(t, `redis+sentinel://${sentinel.id}/orders`)
    await untilFleet(fleet, [
      `primary ${primary.id} ok expected`,
      ...[replica, other].map(({ id }) => `replica ${id} ok expected`),
      `sentinel ${sentinel.id} ok expected`,
    ])
    await primary.kill('SIGKILL')
    await until(
      'a replica is primary',
      () => [replica, other].some(({ id }) => viewIn(fleet, id)?.role === 'primary'),
      { timeoutMs: 60_000 },
    )
    const promoted = viewIn(fleet, replica.id)?.role === 'primary' ? replica : other
    const follower = promoted === replica ? other : replica
    const alive = [
      `primary ${promoted.id} ok expected`,
      `replica ${follower.id} ok expected`,
      `sentinel ${sentinel.id} ok expected`,
    ]
    // What was the primary when it died is called that until it says something else.
    await untilFleet(fleet, [...alive, `primary ${primary.id} refused expected`])
    await until('the follower follows the new primary', () => viewIn(fleet, follower.id)?.primary === promoted.id)
    await until('the failover is over', async () =>
      (await sentinel.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'orders')).endsWith(String(promoted.port)),
    )
    // On a machine that is busy there would be a second one.
    await sentinel.cli('SENTINEL', 'SET', 'orders', 'down-after-milliseconds', '60000')
    await primary.restart()
    await untilFleet(fleet, [...alive, `replica ${primary.id} ok expected`])
  })

  test('a replica that vanishes is missing and still shown, also after a restart; what comes is new', async (t) => {
    const [primary, replica] = await startPair(t)
    const expected = rememberedTopology()
    const before = watchUrl(t, primary.url, { expected })
    await untilFleet(before, [`primary ${primary.id} ok expected`, `replica ${replica.id} ok expected`])
    await replica.kill('SIGKILL')
    const missing = [`primary ${primary.id} ok expected`, `replica ${replica.id} refused missing`]
    await untilFleet(before, missing)
    assert.deepEqual(before.deployments()[0]?.missing, [replica.id])
    before.stop()

    const after = watchUrl(t, primary.url, { expected })
    await untilFleet(after, missing)
    const fresh = await startReplica(primary)
    t.after(() => fresh.stop())
    await untilFleet(after, [...missing, `replica ${fresh.id} ok new`])
    assert.equal(after.accept(fresh.id), true)
    assert.equal(after.accept('10.9.9.9:1'), false)
    assert.equal(after.forget(replica.id), true)
    assert.equal(after.forget(replica.id), false)
    await untilFleet(after, [`primary ${primary.id} ok expected`, `replica ${fresh.id} ok expected`])
    after.stop()
    await untilFleet(watchUrl(t, primary.url, { expected }), linesOf(after))
  })

  test('what the configuration expects and is not so is said in words', async (t) => {
    const [primary, replica] = await startPair(t)
    const fleet = watchUrl(t, primary.url, { expect: { replicas: 2, sentinels: 3 } })
    const problems = (): string => (fleet.deployments()[0]?.problems ?? []).join('; ')
    await until('one replica is there', () => problems().includes('found 1'))
    assert.equal(problems(), 'expected 2 replicas, found 1 in order; expected 3 Sentinels, found 0 in order')
    await replica.kill('SIGSTOP')
    await until('a stopped replica does not count', () => problems().includes('expected 2 replicas, found 0 in order'))
    await replica.kill('SIGCONT')
    const second = await startReplica(primary)
    t.after(() => second.stop())
    await until('both are there', () => problems() === 'expected 3 Sentinels, found 0 in order')
  })

  test('a restart is noticed, and a role that an operator changes by hand', async (t) => {
    const [primary, replica] = await startPair(t)
    const warned: unknown[] = []
    const log = { ...silentLog, warn: (...words: unknown[]) => void warned.push(words) } as typeof silentLog
    const fleet = watchUrl(t, primary.url, { log })
    await untilFleet(fleet, [`primary ${primary.id} ok expected`, `replica ${replica.id} ok expected`])
    const before = await until('its run id is known', () => viewIn(fleet, replica.id)?.runId)
    await replica.kill('SIGKILL')
    await replica.restart()
    await until('it has another run id', () => viewIn(fleet, replica.id)?.runId !== before)
    assert.match(JSON.stringify(warned), new RegExp(`${replica.id}.*the server was restarted`))
    await replica.cli('REPLICAOF', 'NO', 'ONE')
    await untilFleet(fleet, [`primary ${primary.id} ok expected`, `primary ${replica.id} ok expected`])
    await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
    await untilFleet(fleet, [`primary ${primary.id} ok expected`, `replica ${replica.id} ok expected`])
  })

  test('lag is the age of what a stopped replica has not acknowledged, and 0 again when it goes on', async (t) => {
    const [primary, replica] = await startPair(t, NO_PINGS)
    const first = await writeSteadily(t, primary)
    const fleet = watchUrl(t, primary.url, { every: { livenessMs: 1_000 } })
    const deployments = [{ name: 'orders', every: { sampleMs: 5_000 }, canary: false, settings: {} }]
    const metrics = new Metrics({
      fleet,
      deployments,
      historyMs: 60_000,
      version: '0',
      clock: systemClock,
      log: silentLog,
    })
    t.after(() => metrics.stop())
    const lag = (): number | undefined => {
      const line = new RegExp(`^respite_replication_lag_seconds\\{.*instance="${replica.id}".*\\} (\\S+)`, 'm')
      const value = line.exec(readPage(metrics.page()))?.[1]
      return value === undefined ? undefined : Number(value)
    }
    await until('it is hardly behind', () => (lag() ?? 9) <= 1.5)
    first.stop()
    await untilAllAcknowledged(primary)
    await replica.kill('SIGSTOP')
    const beganAt = performance.now()
    const writer = await writeSteadily(t, primary)
    const age = await until('it is 2 s behind or more', () => (lag() ?? 0) >= 2 && lag())
    const most = (performance.now() - beganAt) / 1_000
    await replica.kill('SIGCONT')
    assert.ok(age <= most, `${age} s behind, ${most} s after the first write that it lacks`)
    await until('it has caught up', () => (lag() ?? 9) <= 1.5)
    writer.stop()
    await until('it has all', () => lag() === 0)
    assert.equal(
      readPage(metrics.page()).includes(`respite_replication_lag_seconds{deployment="orders",instance="${primary.id}"`),
      false,
    )
  })

  test('a stopped replica that lacks nothing is 0 behind, whatever the server says of its last word', async (t) => {
    const [primary, replica] = await startPair(t, NO_PINGS)
    const fleet = watchUrl(t, primary.url)
    await primary.cli('SET', 'a', '1')
    await untilAllAcknowledged(primary)
    await replica.kill('SIGSTOP')
    await until('the server says lag=2', async () => (await saidBy(primary)).lag >= 2)
    await until('it is stopped and 0 behind', () => {
      const view = viewIn(fleet, replica.id)
      return view?.answer.id === 'stopped' && view.lagSeconds === 0
    })
    await replica.kill('SIGCONT')
  })

  test('a replica that is sent to nobody takes no name from the primary that it followed', async (t) => {
    const [primary, replica] = await startPair(t)
    const fleet = watchUrl(t, primary.url)
    await untilFleet(fleet, [`primary ${primary.id} ok expected`, `replica ${replica.id} ok expected`])
    await primary.kill('SIGSTOP') // what it said last still lists the replica
    t.after(() => primary.kill('SIGCONT'))
    await replica.cli('REPLICAOF', '127.0.0.1', '1')
    await until('it follows nobody', () => viewIn(fleet, replica.id)?.primary === '127.0.0.1:1')
    await until('nobody is seen to refuse', () => viewIn(fleet, '127.0.0.1:1')?.answer.id === 'refused')
    await until('the primary is seen to be stopped', () => viewIn(fleet, primary.id)?.answer.id === 'stopped')
  })

  test('a replica whose link is cut falls behind and is not forgotten; without a primary no lag is known', async (t) => {
    const [primary, replica] = await startPair(t)
    await writeSteadily(t, primary)
    const fleet = watchUrl(t, primary.url)
    await until('it is hardly behind', () => (viewIn(fleet, replica.id)?.lagSeconds ?? 9) <= 1.5)
    await primary.cli('CONFIG', 'SET', 'requirepass', 'other') // a new link is refused; we are in already
    await primary.cli('-a', 'other', '--no-auth-warning', 'CLIENT', 'KILL', 'TYPE', 'replica')
    await until('the link is down', () => viewIn(fleet, replica.id)?.linkUp === false)
    await until('it is 3 s behind', () => (viewIn(fleet, replica.id)?.lagSeconds ?? 0) >= 3)
    await primary.kill('SIGKILL')
    await until('nothing is known', () => viewIn(fleet, replica.id)?.lagSeconds === undefined)
  })
})
