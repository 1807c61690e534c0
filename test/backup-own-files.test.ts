// Bases out of a server's own files: the append-only directory that it keeps, also while it rewrites it, and files in a
// container, which its supervisor leads to.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { makeFolder } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { restartAndLoad } from '../lab/saving.ts'
import { startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { BaseManifest } from '../src/archive/documents.ts'
import { openConnection } from '../src/redis/connection.ts'
import { noContainers, startContainers, type Containers } from './containers.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { RESPITE } from './daemon-process.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

nothingLeftAfterwards()

const APPENDED = ['appendonly yes', 'databases 32', 'repl-diskless-sync-delay 0']
const NEITHER = ['rename-command PSYNC ""', 'rename-command SYNC ""', 'rename-command BGSAVE ""']
const REWRITES = ['auto-aof-rewrite-percentage 1', 'auto-aof-rewrite-min-size 1kb', 'aof-timestamp-enabled yes']

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

function run(words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(RESPITE, words, { env }, (error, out, err) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

interface Backup {
  readonly base: BaseManifest
  readonly said: string
  readonly url: string // of the store
}

async function backup(url: string, flags: readonly string[] = [], env?: NodeJS.ProcessEnv): Promise<Backup> {
  const store = pathToFileURL(makeFolder('store')).href
  const { exit, out, err } = await run(['backup', url, '--to', store, '--json', ...flags], env)
  assert.equal(exit, 0, `${out}${err}`)
  const [base] = (JSON.parse(out) as { bases: BaseManifest[] }).bases
  const verified = await run(['verify', store])
  assert.equal(verified.exit, 0, verified.out)
  return { base: base ?? assert.fail('there is no base'), said: err, url: store }
}

async function serverIn(t: TestContext, options: StartOptions = {}): Promise<Server> {
  const server = await startServer({ debug: true, ...options })
  t.after(() => server.stop())
  return server
}

/** A stock server on what `respite restore` lays out, which takes no file that is cut anywhere. */
async function restored(t: TestContext, { url }: Backup, format: 'aof' | 'aof-single' = 'aof'): Promise<Server> {
  const dir = join(makeFolder('restored'), 'data')
  const { exit, out, err } = await run(['restore', url, '--to-dir', dir, '--format', format, '--yes'])
  assert.equal(exit, 0, `${out}${err}`)
  const server = await serverIn(t, { conf: [...APPENDED, 'aof-load-truncated no'] })
  await server.kill('SIGKILL')
  rmSync(join(server.dir, 'appendonlydir'), { recursive: true })
  cpSync(dir, server.dir, { recursive: true })
  await restartAndLoad(server)
  return server
}

test('the append-only directory of a server that refuses to be followed and to save, while it rewrites it', async (t) => {
  const server = await serverIn(t, { conf: [...APPENDED, ...NEITHER, ...REWRITES] })
  const pair = await openConnection({ ...server, timeoutMs: 20_000, name: 'pair' })
  t.after(() => pair.close())
  const ending = new AbortController()
  const pairs = (async () => {
    while (!ending.signal.aborted)
      await Promise.all([['MULTI'], ['INCR', 'left'], ['INCR', 'right'], ['EXEC']].map((words) => pair.send(...words)))
  })()
  await until('there is a pair', async () => Number(await server.cli('GET', 'left')) > 0)
  const flood = await startFlood({ server, pauseMs: 2 })
  await until('it rewrites, and has rewritten', async () => {
    return Number(/aof_rewrites:(\d+)/.exec(await server.cli('INFO'))?.[1]) > 2
  })
  const first = await backup(server.url)
  assert.deepEqual([first.base.method, first.base.consistent, first.base.offset], ['aof', true, null], first.said)
  assert.match(first.said, /psync does not go .*; bgsave is tried\n.*bgsave does not go .*; aof is tried/s)
  const meanwhile = await restored(t, first)
  const [left, right] = await Promise.all(['left', 'right'].map((key) => meanwhile.cli('GET', key)))
  assert.ok(Number(left) > 0)
  assert.equal(left, right, 'no transaction is cut')
  ending.abort()
  await pairs
  await flood.stop()
  await server.cli('CONFIG', 'SET', 'auto-aof-rewrite-percentage', '0')
  await until('no rewrite runs', async () => /aof_rewrite_in_progress:0/.test(await server.cli('INFO', 'persistence')))
  await server.cli('-n', '3', 'SET', 'last', 'behind its RDB')
  const last = await backup(server.url, ['--method', 'aof'])
  assert.ok((last.base.increment?.bytes ?? 0) > 0)
  await assertSameDataset(await restored(t, last), server)
  await assertSameDataset(await restored(t, last, 'aof-single'), server)
  const rdb = await run(['restore', last.url, '--to-dir', makeFolder('rdb'), '--format', 'rdb'])
  assert.equal(rdb.exit, 1)
  assert.match(rdb.err, /is an append-only file: \d+ bytes of commands stand behind its RDB/)
  const dir = readdirSync(join(server.dir, 'appendonlydir'))
  assert.ok(
    dir.every((name) => name.startsWith('appendonly.aof.')),
    'nothing of ours is left in it',
  )
})

test('a server without one says so, and is scanned when nothing else goes', async (t) => {
  const server = await serverIn(t, { conf: NEITHER })
  await server.cli('SET', 'a', '1')
  const { base, said } = await backup(server.url)
  assert.equal(base.method, 'scan')
  assert.match(said, /aof does not go \(it keeps no append-only file \(appendonly no\)\); scan is tried/)
  const { exit, out } = await run(['backup', server.url, '--to', 'file:///nowhere/store', '--method', 'aof', '--check'])
  assert.equal(exit, 2)
  assert.match(out, /✖ .*it keeps no append-only file \(appendonly no\)/)
})

describe('files in a container', { skip: noContainers() }, () => {
  let containers: Containers
  before(async () => void (containers = await startContainers()))
  after(() => containers.stop())

  test('behind a port that somebody else forwards, the supervisor leads to them', async (t) => {
    const port = await freePort()
    const words = ['--port', String(port), '--dir', '/data', '--enable-debug-command', 'yes']
    containers.run('orders', [], [...words, '--appendonly', 'yes', '--rename-command', 'PSYNC', ''])
    const inside = { address: { host: '127.0.0.1', port }, access: {} }
    const connection = await until('it answers', () =>
      openConnection({ ...inside, timeoutMs: 20_000, name: 'test' }).catch(() => undefined),
    )
    t.after(() => connection.close())
    for (let at = 0; at < 50; at += 1) await connection.send('SET', `key:${at}`, 'x'.repeat(at))
    const proxy = await startCuttingProxy(t, port)
    const url = `redis://127.0.0.1:${proxy.port}`
    const without = await backup(url, ['--method', 'auto'], containers.env)
    assert.equal(without.base.method, 'scan')
    assert.match(
      without.said,
      /its folder \/data cannot be reached from here: node.* listens on .*, not the server itself/,
    )
    const named = await backup(url, ['--supervisor', 'docker:orders'], containers.env)
    assert.deepEqual([named.base.method, named.base.keys], ['bgsave', 50], named.said)
    const appended = await backup(url, ['--supervisor', 'docker:orders', '--method', 'aof'], containers.env)
    assert.equal(await (await restored(t, appended)).cli('DBSIZE'), '50')
    const wrong = await backup(url, ['--supervisor', 'docker:none'], containers.env)
    assert.match(
      wrong.said,
      /bgsave does not go \(its folder \/data cannot be reached from here: docker:none: there is no such container\); aof is tried/,
    )
  })
})
