// The shipped rules on real servers, continued: what they say of a fleet as a whole, of Sentinels, of memory that the host
// lacks, and of Respite itself. Each alert fires with what it is about, and ends when the cause does.

import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { startSentinel } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { systemClock } from '../src/lib/clock.ts'
import { startDaemonProcess } from './daemon-process.ts'
import { evaluate, hurried, keepDoing, replicaOf, server, shippedRules } from './evaluating.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const BUILT_IN = hurried(shippedRules('redis.yml'))
const MIB = 2 ** 20

/** The same rules with another number in one place: nobody can take half of the memory of a machine that others use. */
function withLimit(from: string, to: string): string {
  const changed = BUILT_IN.replace(from, to)
  assert.notEqual(changed, BUILT_IN)
  return changed
}

/** Time that a fault takes, and nothing that could be waited for. */
async function passes(ms: number): Promise<void> {
  const began = performance.now()
  await until(`${ms} ms have passed`, () => performance.now() - began > ms, { timeoutMs: 2 * ms, everyMs: 50 })
}

suite('alerts on fleets', { concurrency: 3 }, () => {
  test('a replica that makes itself a primary, one that is gone, and then no primary at all', async (t) => {
    const primary = await server(t)
    const replica = await replicaOf(t, primary)
    const watched = evaluate(t, { url: primary.url, rules: BUILT_IN, dataClass: 'cache' })
    await watched.untilSampled()
    await replica.cli('REPLICAOF', 'NO', 'ONE')
    const { value } = await watched.untilFires('RedisTwoPrimaries', { deployment: 'orders', severity: 'critical' })
    assert.equal(value, 2)
    await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
    await watched.untilEnds('RedisTwoPrimaries')

    await replica.kill('SIGKILL') // its primary no longer names it, and nobody else does
    await watched.untilFires('RedisServerMissing', { instance: replica.id })
    await replica.restart()
    await watched.untilEnds('RedisServerMissing')

    await primary.kill('SIGKILL')
    const missing = await watched.untilFires('RedisMissingPrimary', { deployment: 'orders', layer: 'link' })
    assert.equal(missing.value, 1, 'one replica')
    await primary.restart()
    await watched.untilEnds('RedisMissingPrimary')
  })

  test('fewer replicas than the configuration expects, until there is one more', async (t) => {
    const primary = await server(t)
    await replicaOf(t, primary)
    const watched = evaluate(t, { url: primary.url, rules: BUILT_IN, expect: { replicas: 2 }, dataClass: 'cache' })
    const { value } = await watched.untilFires('RedisDeploymentDiffers', { deployment: 'orders' })
    assert.equal(value, 1)
    await replicaOf(t, primary)
    await watched.untilEnds('RedisDeploymentDiffers')
  })

  test('a replica that is sent everything again and again', async (t) => {
    const primary = await server(t)
    const replica = await replicaOf(t, primary)
    const watched = evaluate(t, { url: primary.url, rules: BUILT_IN, dataClass: 'cache' })
    await watched.untilSampled()
    const isSynced = async (): Promise<boolean> =>
      (await replica.cli('INFO', 'replication')).includes('master_link_status:up')
    const stop = keepDoing(t, async () => {
      await primary.cli('DEBUG', 'CHANGE-REPL-ID') // so that nothing of what the replica has can be gone on with
      await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
      await until('it has everything again', isSynced)
    })
    const { value } = await watched.untilFires('RedisFullResyncLoop', { instance: primary.id, role: 'primary' })
    assert.ok(value > 2, `${value} times`)
    await stop()
    await watched.untilEnds('RedisFullResyncLoop')
  })

  test('a Sentinel without a replica to promote, and one that stood still', async (t) => {
    const primary = await server(t)
    const replica = await replicaOf(t, primary)
    const sentinel = await startSentinel({ watches: [{ name: 'shop', server: primary }], quorum: 1 })
    t.after(() => sentinel.stop())
    await until('the Sentinel knows the replica', async () =>
      (await sentinel.cli('SENTINEL', 'REPLICAS', 'shop')).includes(String(replica.port)),
    )
    const watched = evaluate(t, { url: `redis+sentinel://${sentinel.id}/shop`, rules: BUILT_IN, dataClass: 'cache' })
    await watched.untilSampled()
    await replica.kill('SIGKILL')
    await watched.untilFires('RedisSentinelNoGoodReplica', { deployment: 'orders', master_name: 'shop' })
    await replica.restart()
    await watched.untilEnds('RedisSentinelNoGoodReplica')

    await sentinel.kill('SIGSTOP')
    await passes(3_000) // two seconds are TILT (sentinel.c, 7.0)
    await sentinel.kill('SIGCONT')
    await watched.untilFires('RedisSentinelTilt', { instance: sentinel.id, role: 'sentinel' })
    await watched.untilEnds('RedisSentinelTilt') // thirty steady seconds later
  })

  test('a server that takes its time to load', async (t) => {
    const one = await server(t)
    const watched = evaluate(t, { url: one.url, rules: BUILT_IN, dataClass: 'cache' })
    await watched.untilSampled()
    await one.cli('DEBUG', 'POPULATE', '60000', 'key', '8')
    await one.cli('SAVE')
    // A minute: a thousandth of a second for each key, and a look at its clients now and then.
    appendFileSync(one.confFile, 'key-load-delay 1000\nloading-process-events-interval-bytes 1024\n')
    await one.kill('SIGKILL')
    await one.restart()
    await watched.untilFires('RedisLoadingLong', { instance: one.id })
    await one.cli('CONFIG', 'SET', 'key-load-delay', '0')
    await watched.untilEnds('RedisLoadingLong')
  })

  test('a user that may not look at one thing, and then at nothing', async (t) => {
    const one = await server(t)
    let aheadMs = 0
    const clock = { ...systemClock, now: () => Date.now() + aheadMs }
    const watched = evaluate(t, { url: one.url, rules: BUILT_IN, dataClass: 'cache', clock })
    await watched.untilSampled()
    await one.cli('ACL', 'SETUSER', 'default', '-slowlog')
    const { labels } = await watched.untilFires('RedisCouldNotLook', { instance: one.id, severity: 'info' })
    assert.match(labels['at'] ?? '', /^SLOWLOG/)
    await one.cli('ACL', 'SETUSER', 'default', '+slowlog')
    aheadMs = 301_000 // what was refused is asked again after five minutes
    await watched.untilEnds('RedisCouldNotLook')
    await one.cli('ACL', 'SETUSER', 'default', '-info')
    await watched.untilFires('RedisNotMeasured', { instance: one.id, severity: 'warning' })
    await one.cli('ACL', 'SETUSER', 'default', '+info')
    await watched.untilEnds('RedisNotMeasured')
    await watched.untilEnds('RedisCouldNotLook')
  })

  test('a server without maxmemory that grows, until it has one', async (t) => {
    const one = await server(t)
    const most = ((80 * MIB) / totalmem()).toFixed(6)
    const rules = withLimit(
      '(redis_total_system_memory_bytes > 0) > 0.5',
      `(redis_total_system_memory_bytes > 0) > ${most}`,
    )
    const watched = evaluate(t, { url: one.url, rules, dataClass: 'cache' })
    await watched.untilSampled()
    await watched.untilQuiet()
    await one.cli('SETRANGE', 'big', String(120 * MIB), 'x')
    await watched.untilFires('RedisNoMemoryLimit', { instance: one.id })
    await one.cli('CONFIG', 'SET', 'maxmemory', '300mb')
    await watched.untilEnds('RedisNoMemoryLimit')
  })

  test('memory that stays resident although it is not used', async (t) => {
    const one = await server(t)
    const rules = withLimit('> 256 * 1024 * 1024', '> 32 * 1024 * 1024')
    const watched = evaluate(t, { url: one.url, rules, dataClass: 'cache' })
    await watched.untilSampled()
    await one.cli('DEBUG', 'POPULATE', '500000', 'key', '100')
    // One key of sixteen stays, and with it nearly every page.
    const most = "for at = 0, 499999 do if at % 16 ~= 0 then redis.call('DEL', 'key:' .. at) end end"
    await one.cli('EVAL', most, '0')
    const { value } = await watched.untilFires('RedisFragmentationHigh', { instance: one.id })
    assert.ok(value > 1.5, `${value} times`)
    await one.cli('FLUSHALL')
    await one.cli('MEMORY', 'PURGE')
    await watched.untilEnds('RedisFragmentationHigh')
  })

  test('a Respite that gets no time of its processor', async (t) => {
    const one = await server(t)
    const folder = makeFolder('late')
    writeFileSync(join(folder, 'hurried.yml'), BUILT_IN.replaceAll(/^( +)rules:$/gm, '$1interval: 1s\n$&'))
    const deployments = `deployments: [{ name: orders, url: '${one.url}' }]`
    writeFileSync(join(folder, 'respite.yml'), `${deployments}\nrules: [hurried.yml]\n`)
    const args = ['--config', 'respite.yml', '--data', join(folder, 'data')]
    const respite = await startDaemonProcess(t, folder, ...args)
    interface Asked {
      readonly data: { readonly result: readonly { metric: Record<string, string> }[] }
    }
    /** The servers for which that is so. */
    const asked = async (query: string): Promise<string> => {
      const reply = await fetch(`${respite.url}/api/v1/query?query=${encodeURIComponent(query)}`)
      return ((await reply.json()) as Asked).data.result.map(({ metric }) => metric['instance']).join()
    }
    const samples = async (): Promise<number> => {
      const text = await (await fetch(`${respite.url}/metrics`)).text()
      return Number(/^redis_exporter_scrapes_total\{.*\} (\d+)$/m.exec(text)?.[1])
    }
    await until('it has sampled', async () => (await samples()) >= 2)
    const before = await samples()
    await until('it has just sampled again', async () => (await samples()) > before)
    respite.child.kill('SIGSTOP')
    await passes(10_500) // a sample was due after five seconds, and the one after it is due in four and a half
    respite.child.kill('SIGCONT')
    // Until the next sample, which is in time: it is looked for in what was, since that may be over when we look.
    const firing = 'ALERTS{alertname="RespiteSamplesLate",alertstate="firing"}'
    await until('RespiteSamplesLate fires', async () => (await asked(`max_over_time(${firing}[2m])`)) === one.id)
    await until('RespiteSamplesLate ends', async () => (await asked(firing)) === '')
    await respite.stop()
  })
})
