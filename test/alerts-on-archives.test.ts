// The shipped alerts of an archive on real servers and a real store: each fires with what it is about, and ends when the
// cause does. Windows and waiting times are cut short.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../lab/until.ts'
import { openConnection } from '../src/redis/connection.ts'
import { evaluate, hurried, keepDoing, replicaOf, server, shippedRules, type EvaluateOptions } from './evaluating.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const RULES = hurried(shippedRules('redis.yml')).replace('base_interval_seconds + 60', 'base_interval_seconds + 1')
const SOON = ['repl-diskless-sync-delay 0']

function storeFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'respite-archived-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return join(dir, 'store')
}

function archived(url: string, folder: string, everyMs = 3_600_000): EvaluateOptions {
  const backup = {
    to: `file://${folder}`,
    recipients: [],
    identities: [],
    attach: 'replica',
    everyMs,
    namespaces: [],
  } as const
  return { url, rules: RULES, backup, dataClass: 'cache' }
}

function objectsIn(folder: string, ending: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name))
  } catch {
    return [] // not made yet
  }
}

suite('alerts on archives', { concurrency: 3 }, () => {
  test('nobody follows a server that is down; bases are overdue where PSYNC was forbidden', async (t) => {
    const one = await server(t, ...SOON)
    const folder = storeFolder(t)
    const watched = evaluate(t, archived(one.url, folder, 2_000))
    await until('there is a base', () => objectsIn(folder, 'manifest.json').length > 0, { timeoutMs: 60_000 })
    await one.cli('ACL', 'SETUSER', 'default', '-psync') // the link that stands goes on
    const overdue = await watched.untilFires('RedisArchiveBaseOverdue', { shard: '0', severity: 'warning' })
    assert.equal(overdue.labels['deployment'], 'orders')
    await one.cli('ACL', 'SETUSER', 'default', '+psync')
    await watched.untilEnds('RedisArchiveBaseOverdue')
    await one.kill('SIGKILL')
    await watched.untilFires('RedisArchiveLagging', { reason: 'not followed', severity: 'critical' })
    await one.restart()
    await watched.untilEnds('RedisArchiveLagging')
  })

  test('a store that is away, and the spool that fills meanwhile; both end when it is back', async (t) => {
    const one = await server(t, ...SOON)
    const folder = storeFolder(t)
    const watched = evaluate(t, archived(one.url, folder))
    await until('there is a base', () => objectsIn(folder, 'manifest.json').length > 0, { timeoutMs: 60_000 })
    const writer = await openConnection({ ...one, timeoutMs: 20_000, name: 'writer' })
    t.after(() => writer.close())
    const stop = keepDoing(t, async () => {
      await writer.send('SET', 'key', randomBytes(100_000).toString('base64'))
      await delay(200)
    })
    renameSync(folder, `${folder}.away`)
    writeFileSync(folder, 'no folder')
    await watched.untilFires('RedisArchiveStoreUnreachable', { severity: 'critical' })
    const { value } = await watched.untilFires('RedisArchiveSpoolFilling', { severity: 'warning' })
    assert.ok(value > 0 && value < 43_200, `full in ${value} s`)
    rmSync(folder)
    renameSync(`${folder}.away`, folder)
    await watched.untilEnds('RedisArchiveStoreUnreachable')
    await watched.untilEnds('RedisArchiveSpoolFilling')
    await stop()
  })

  test('a gap that the backlog was too small for, and a FLUSHALL', async (t) => {
    const one = await server(t, ...SOON, 'repl-backlog-size 16kb')
    const folder = storeFolder(t)
    const watched = evaluate(t, archived(one.url, folder))
    await until('there is a base', () => objectsIn(folder, 'manifest.json').length > 0, { timeoutMs: 60_000 })
    const writer = await openConnection({ ...one, timeoutMs: 20_000, name: 'writer' })
    t.after(() => writer.close())
    // In one go behind the cut, before anybody can come back.
    const script = "for at = 1, 40 do redis.call('SET', 'big:' .. at, string.rep('x', 500000)) end"
    await Promise.all([writer.send('CLIENT', 'KILL', 'TYPE', 'replica'), writer.send('EVAL', script, '0')])
    await watched.untilFires('RedisArchiveGap', { severity: 'warning', shard: '0' })
    await watched.untilEnds('RedisArchiveGap')
    assert.equal(objectsIn(folder, '.json').filter((name) => name.includes('/gaps/')).length, 1)
    await one.cli('FLUSHALL')
    await watched.untilFires('RedisDataRemoved', { severity: 'critical' })
    await watched.untilEnds('RedisDataRemoved')
    const [point = ''] = objectsIn(folder, '.json').filter((name) => name.includes('/points/'))
    assert.match(readFileSync(point, 'utf8'), /"command": "FLUSHALL"/)
  })

  test("an archive at the primary is no replica: the documents' rule sees the one that is lost", async (t) => {
    const primary = await server(t, ...SOON)
    const replica = await replicaOf(t, primary)
    const options = archived(primary.url, storeFolder(t))
    const backup = options.backup && { ...options.backup, attach: 'primary' as const }
    const watched = evaluate(t, { ...options, backup, rules: hurried(shippedRules('documents.yml')) })
    await watched.untilSampled()
    const connected = (): Promise<string> => primary.cli('INFO', 'replication')
    await until('both are attached', async () => /connected_slaves:2/.test(await connected()))
    await replica.cli('REPLICAOF', '127.0.0.1', '1')
    const { value } = await watched.untilFires('RedisDisconnectedSlaves', { deployment: 'orders' })
    assert.equal(value, 1)
    await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
    await watched.untilEnds('RedisDisconnectedSlaves')
  })

  test('a base that does not read back as it was written', async (t) => {
    const one = await server(t, ...SOON)
    await one.cli('SET', 'a', 'b')
    const folder = storeFolder(t)
    const watched = evaluate(t, { ...archived(one.url, folder), verifyEveryMs: 1_000 })
    const bases = (): string[] => objectsIn(folder, 'base.rdb.zst')
    await until('a base was read back', () => objectsIn(folder, '-verified.json').length > 0, { timeoutMs: 60_000 })
    const base = bases().toSorted().at(-1) ?? '' // the newest is the one that is read again and again
    const good = readFileSync(base)
    const damaged = Buffer.from(good)
    damaged[good.length >> 1] = (damaged[good.length >> 1] ?? 0) ^ 1
    writeFileSync(base, damaged)
    assert.equal(statSync(base).size, good.length)
    await watched.untilFires('RedisArchiveVerificationFailed', { severity: 'critical' })
    writeFileSync(base, good)
    await watched.untilEnds('RedisArchiveVerificationFailed')
  })
})
