// What was archived is restored: the whole dataset, to the offset, to the second, to the command before the mistake, and by
// hand with nothing but stock tools.

import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { freePort } from '../lab/free-port.ts'
import { restartAndLoad } from '../lab/saving.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { faultSchema, restoreSchema, type RestoreDocument } from '../src/api/contract.ts'
import { writeDocument, type PointDocument } from '../src/archive/documents.ts'
import { keysOf } from '../src/archive/keys.ts'
import { openConnection } from '../src/redis/connection.ts'
import { offsetOf, openTestStore, startArchived, type Archived } from './archived.ts'
import { RESPITE } from './daemon-process.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

nothingLeftAfterwards()

const CONF = ['databases 32', 'repl-diskless-sync-delay 0']

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

function run(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(RESPITE, ['restore', ...args], { maxBuffer: 1e8 }, (error, out, err) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

async function restore(...args: string[]): Promise<RestoreDocument> {
  const { exit, out } = await run(...args, '--json')
  assert.equal(exit, 0, out)
  return restoreSchema.parse(JSON.parse(out))
}

async function serverFor(t: TestContext): Promise<Server> {
  const server = await startServer({ debug: true, conf: CONF })
  t.after(() => server.stop())
  return server
}

/** A stock server on what was laid out in a folder. */
async function startOn(t: TestContext, dir: string, ...conf: string[]): Promise<Server> {
  const server = await startServer({ name: 'restored', debug: true, conf: ['databases 32', ...conf] })
  t.after(() => server.stop())
  await server.kill('SIGKILL')
  for (const name of ['appendonlydir', 'dump.rdb']) rmSync(join(server.dir, name), { recursive: true, force: true })
  cpSync(dir, server.dir, { recursive: true })
  await restartAndLoad(server)
  return server
}

function folderFor({ dir }: { readonly dir: string }, name: string): string {
  return join(dir, '.respite', name) // what is removed with the store, and is no object of it
}

test('a flood is restored in each format, and the folder is left as a server wants it', async (t) => {
  const server = await serverFor(t)
  const archived = await startArchived(t, server)
  const flood = await startFlood({ server, pauseMs: 5 })
  await until('something flows', () => flood.sent > 1_500)
  const base = await archived.takeBase()
  await until('more flows', () => flood.sent > 4_000)
  await flood.stop()
  const end = await archived.caughtUp()
  const { url } = archived

  const aof = folderFor(archived, 'aof')
  const plan = await restore(url, '--to-dir', aof)
  assert.equal(plan.restored, undefined)
  assert.ok(!existsSync(aof), 'a plan writes nothing')
  const [shard] = plan.shards
  assert.deepEqual([shard?.base, shard?.offset], [base.id, end])
  assert.equal(shard?.streamBytes, end - (base.offset ?? 0))
  const done = await restore(url, '--to-dir', aof, '--yes')
  assert.ok(done.restored && done.restored.bytes >= plan.bytes)
  assert.deepEqual(readdirSync(aof).toSorted(), ['appendonlydir', 'server-context'])
  assert.equal(statSync(aof).mode & 0o777, 0o700)
  for (const name of readdirSync(join(aof, 'appendonlydir')))
    assert.equal(statSync(join(aof, 'appendonlydir', name)).mode & 0o777, 0o600)
  await assertSameDataset(await startOn(t, aof, 'appendonly yes'), server)

  const single = folderFor(archived, 'single')
  await restore(url, '--to-dir', single, '--format', 'aof-single', '--yes')
  await assertSameDataset(await startOn(t, single, 'appendonly yes'), server)

  const again = await run(url, '--to-dir', aof, '--yes')
  assert.equal(again.exit, 1)
  assert.match(again.err, /it is not empty \(appendonlydir\)/)
  const rdb = await run(url, '--to-dir', folderFor(archived, 'rdb'), '--format', 'rdb', '--yes')
  assert.equal(rdb.exit, 1)
  assert.match(rdb.err, /bytes of stream behind its base[\s\S]*with --format aof/)
  const exact = await restore(url, '--to-dir', folderFor(archived, 'rdb'), '--format', 'rdb', '--id', base.id, '--yes')
  assert.equal(exact.restored?.keys, base.keys)
  const loaded = await startOn(t, folderFor(archived, 'rdb'))
  const [, keys = 0] = /keys=(\d+)/.exec(await loaded.cli('INFO', 'keyspace')) ?? []
  assert.ok(Number(keys) > 0)

  await t.test('the command that it says starts a server, and so do the old settings', async () => {
    const port = await freePort()
    const conf = join(aof, 'server-context', 'redis.conf')
    assert.match(readFileSync(conf, 'utf8'), /^databases "32"$/m)
    const [program = '', ...words] = (shard?.start ?? '').split(' ')
    assert.deepEqual(words.slice(0, 2), ['--dir', aof])
    for (const args of [words, [conf, ...words]]) {
      const child = spawn(program, [...args, '--port', String(port), '--logfile', '/dev/null'], { stdio: 'ignore' })
      await until('it answers', async () => (await keyspaceOf(port)).includes('db0:keys='))
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  })
})

async function keyspaceOf(port: number): Promise<string> {
  const connection = await openConnection({ address: { host: '127.0.0.1', port }, access: {}, timeoutMs: 5_000 })
  try {
    return String(await connection.send('INFO', 'keyspace'))
  } finally {
    connection.close()
  }
}

/** Sets a key and waits until it is a second of its own. */
async function writeSecond(archived: Archived, server: Server, value: string): Promise<{ at: number; offset: number }> {
  await server.cli('SET', 'state', value)
  const offset = await archived.caughtUp()
  const at = Date.now()
  await until('another second', () => Date.now() > at + 1_100)
  return { at, offset }
}

test('a moment is what it was: to an offset, to an earlier second, to before a FLUSHALL', async (t) => {
  const server = await serverFor(t)
  await server.cli('SET', 'kept', 'x')
  const archived = await startArchived(t, server)
  const { url, store } = archived
  const one = await writeSecond(archived, server, 'one')
  const two = await writeSecond(archived, server, 'two')
  await server.cli('-n', '3', 'SET', 'other', 'y')
  const before = await offsetOf(server)
  await server.cli('FLUSHALL')
  await archived.caughtUp()
  const { timeline } = archived.firstBase
  const point: PointDocument = {
    name: 'before-flushall',
    at: new Date().toISOString(),
    shards: [{ shard: '0', timeline, offset: before }],
    command: 'FLUSHALL',
    keysLost: 3,
    why: 'tripwire',
  }
  await writeDocument(store, keysOf('orders').point(Date.now(), point.name), point)
  await server.cli('SET', 'after', 'z')
  await archived.caughtUp()
  await archived.stop()

  const stateAt = async (name: string, ...moment: string[]): Promise<string[]> => {
    const dir = folderFor(archived, name)
    await restore(url, '--to-dir', dir, ...moment, '--yes')
    const restored = await startOn(t, dir, 'appendonly yes')
    const state = await Promise.all([
      restored.cli('GET', 'state'),
      restored.cli('DBSIZE'),
      restored.cli('-n', '3', 'DBSIZE'),
    ])
    return state
  }
  assert.deepEqual(await stateAt('first', '--at', new Date(one.at).toISOString()), ['one', '2', '0'])
  assert.deepEqual(await stateAt('second', '--offset', String(two.offset)), ['two', '2', '0'])
  assert.deepEqual(await stateAt('within', '--offset', String(two.offset - 1)), ['one', '2', '0'])
  assert.deepEqual(await stateAt('point', '--before', 'before-flushall'), ['two', '2', '1'])
  assert.deepEqual(await stateAt('latest'), ['', '1', '0'])

  for (const [args, exit, why] of [
    [['--at', '2020-01-01T00:00:00Z'], 1, /nothing is as old as/],
    [['--at', 'yesterday'], 64, /is no time with a zone/],
    [['--at', '2100-01-01T00:00:00Z'], 64, /is still to come/],
    [['--offset', '1', '--id', 'x'], 64, /--offset says another moment/],
    [['--before', 'before-flushal'], 1, /Did you mean before-flushall\?/],
    [['--to', 'redis://127.0.0.1:1'], 64, /comes with Restore/],
    [['--format', 'json'], 64, /is one of rdb, aof, aof-single/],
  ] as const) {
    const ran = await run(url, '--to-dir', folderFor(archived, 'wrong'), ...args, '--yes', '--json')
    assert.equal(ran.exit, exit, ran.out)
    assert.match(JSON.stringify(faultSchema.parse(JSON.parse(ran.out))), why)
  }
  assert.ok(!existsSync(folderFor(archived, 'wrong')))
})

test('damage is refused, and leaves nothing that a server would start on', async (t) => {
  const server = await serverFor(t)
  const archived = await startArchived(t, server)
  for (let at = 0; at < 200; at += 1) await server.cli('SET', `key:${at}`, 'v'.repeat(at))
  await archived.caughtUp()
  await archived.stop()
  const dir = folderFor(archived, 'damaged')
  const objects = (await archived.shard()).timelines.flatMap(({ bases, segments }) => [
    ...bases.map(({ root, rdb }) => root + rdb.object),
    ...segments.map(({ key }) => key),
  ])
  for (const key of objects) {
    const file = join(archived.dir, key)
    const bytes = readFileSync(file)
    const damaged = Buffer.from(bytes)
    const at = Math.floor(bytes.length / 2)
    damaged.writeUInt8((bytes[at] ?? 0) ^ 1, at)
    writeFileSync(file, damaged)
    const ran = await run(archived.url, '--to-dir', dir, '--yes')
    writeFileSync(file, bytes)
    assert.equal(ran.exit, 2, `${key}: ${ran.out}${ran.err}`)
    assert.deepEqual(readdirSync(dir), [])
  }
})

for (const sealed of [false, true])
  test(`by hand, as the page tells it, ${sealed ? 'encrypted' : 'plain'}: the same dataset`, async (t) => {
    const server = await serverFor(t)
    const place = await openTestStore(t)
    const key = join(place.dir, '.respite', 'key.txt')
    mkdirSync(join(place.dir, '.respite'), { recursive: true })
    const made = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    writeFileSync(key, made, { mode: 0o600 })
    const recipients = sealed ? [/age1\w+/.exec(made)?.[0] ?? ''] : []
    const archived = await startArchived(t, server, { store: place, recipients })
    const flood = await startFlood({ server, pauseMs: 5 })
    await until('something flows', () => flood.sent > 1_000)
    const base = await archived.takeBase()
    await until('more flows', () => flood.sent > 2_500)
    await flood.stop()
    await archived.caughtUp()

    const page = readFileSync(join(import.meta.dirname, '../docs/formats/archive.md'), 'utf8')
    const [, recipe = ''] = /\n## By hand\n[\s\S]*?\n\n((?: {4}.*\n)+)/.exec(page) ?? []
    const lines = recipe.split('\n').map((line) => line.slice(4))
    const script = lines
      .slice(
        0,
        lines.findLastIndex((line) => line.startsWith('cd ..')),
      )
      .join('\n')
    assert.match(script, /appendonly\.aof\.manifest/)
    const opened = script
      .replace('"$T/bases/$BASE/base.rdb.zst"', '"$T/bases/$BASE/base.rdb.zst.age"')
      .replaceAll(/zstd -dc ("[^"]+")/g, 'age --decrypt --identity "$KEY" $1 | zstd -dc')
    const timeline = join(place.dir, 'orders/shards/0', base.timeline)
    const env = { ...process.env, T: timeline, BASE: base.id, FROM: String(base.offset), KEY: key }
    const cwd = join(place.dir, '.respite')
    execFileSync('bash', ['-euo', 'pipefail', '-c', sealed ? opened : script], { cwd, env })
    await assertSameDataset(await startOn(t, join(cwd, 'restored'), 'appendonly yes'), server)

    const dir = folderFor(place, 'restored-too')
    if (sealed) {
      const refused = await run(place.url, '--to-dir', dir, '--yes')
      assert.equal(refused.exit, 1)
      assert.match(refused.err, /it is encrypted, and no identity is given/)
    }
    await restore(place.url, '--to-dir', dir, '--yes', ...(sealed ? ['--identity', key] : []))
    await assertSameDataset(await startOn(t, dir, 'appendonly yes'), server)
  })
