// Bases of servers that nobody may follow. Whatever the way, what is in the store is an RDB that stock tools take, and a
// server that loads it holds the same data.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { zstdDecompressSync } from 'node:zlib'
import { startCluster } from '../lab/cluster.ts'
import { makeFolder } from '../lab/children.ts'
import { restartAndLoad } from '../lab/saving.ts'
import { startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { BaseManifest } from '../src/archive/documents.ts'
import { encodeName } from '../src/archive/keys.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { RESPITE } from './daemon-process.ts'
import { bytesOf, fill } from './every-encoding.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

nothingLeftAfterwards()

const WITHOUT_PSYNC = ['rename-command PSYNC ""', 'rename-command SYNC ""']

async function start(t: TestContext, options: StartOptions = {}): Promise<Server> {
  const server = await startServer({ debug: true, ...options })
  t.after(() => server.stop())
  return server
}

interface Ran {
  readonly exit: number
  readonly err: string
  readonly fault: { readonly doing: string; readonly why: string; readonly hint: string } | undefined
  readonly bases: readonly (BaseManifest & { readonly rdbFile: string })[]
}

/** `respite backup` as people run it; each RDB of it is laid out as a file, and redis-check-rdb finds it good. */
async function backup(server: Server, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const store = makeFolder('store')
  const words = ['backup', server.url, '--to', pathToFileURL(store).href, '--name', 'd', '--json', ...flags]
  const ran = await new Promise<{ exit: number; out: string; err: string }>((resolve) => {
    execFile(RESPITE, words, { env: { ...process.env, ...env } }, (error, out, err) => {
      resolve({ exit: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err })
    })
  })
  const document = JSON.parse(ran.out) as { bases?: BaseManifest[]; fault?: Ran['fault'] }
  const bases = (document.bases ?? []).map((base) => {
    const folder = join(store, 'd', 'shards', encodeName(base.shard), base.timeline, 'bases', base.id)
    const rdbFile = join(makeFolder('rdb'), 'dump.rdb')
    writeFileSync(rdbFile, zstdDecompressSync(readFileSync(join(folder, base.rdb.object))))
    return { ...base, rdbFile }
  })
  for (const { rdbFile } of bases) {
    const { stdout } = await promisify(execFile)('redis-check-rdb', [rdbFile])
    assert.match(stdout, /RDB looks OK/)
  }
  return { ...ran, fault: document.fault, bases }
}

/** Loads the RDB into a server of its own. */
async function load(t: TestContext, { bases: [base] }: Ran): Promise<Server> {
  assert.ok(base, 'there is no base')
  const server = await start(t)
  await server.kill('SIGKILL')
  writeFileSync(join(server.dir, 'dump.rdb'), readFileSync(base.rdbFile))
  await restartAndLoad(server)
  return server
}

const long = (bytes: number): string =>
  Buffer.from(Array.from({ length: bytes }, () => 32 + Math.random() * 90)).toString()

test('a server without PSYNC is scanned: every type and encoding, other databases, times, functions', async (t) => {
  const server = await start(t, { conf: [...WITHOUT_PSYNC, 'list-max-listpack-size 20', 'rdbcompression no'] })
  const line = await bytesOf(server)
  await fill(line)
  await line.send('SET', 'huge', long(3_000_000)) // passes through in pieces
  await line.send('SETRANGE', 'huge:zeros', '5000000', 'x')
  await line.send('RPUSH', 'huge:list', ...Array.from({ length: 30 }, () => long(100_000)))
  await line.send('PEXPIRE', 'huge', '100000000')
  line.close()
  await server.cli('DEBUG', 'POPULATE', '5000', 'many', '20')

  const ran = await backup(server, ['--method', 'scan', '--rate', '1000000'])
  assert.equal(ran.exit, 0, ran.err)
  assert.partialDeepStrictEqual(ran.bases[0], {
    method: 'scan',
    consistent: false,
    replid: null,
    offset: null,
    complete: true,
    role: 'primary',
    rdb: { checksum: 'ok', rdbVersion: 10 },
  })
  await assertSameDataset(await load(t, ran), server)
})

test('by itself it takes the first method that goes, and says which and why', async (t) => {
  const server = await start(t, { conf: WITHOUT_PSYNC })
  await server.cli('DEBUG', 'POPULATE', '2000')
  const saved = await backup(server)
  assert.equal(saved.bases[0]?.method, 'bgsave')
  assert.equal(saved.bases[0].consistent, true)
  assert.match(saved.err, /psync does not go \(psync refused: ERR unknown command.*bgsave is tried/)
  await assertSameDataset(await load(t, saved), server)

  await server.cli(
    'ACL',
    'SETUSER',
    'reader',
    'on',
    '>geheim',
    '~*',
    '+@read',
    '+@connection',
    '+info',
    '+function|dump',
  )
  await server.cli('ACL', 'SETUSER', 'reader', '+multi', '+exec')
  const scanned = await backup(server, ['--user', 'reader'], { RESPITE_PASSWORD: 'geheim' })
  assert.equal(scanned.bases[0]?.method, 'scan', scanned.err)
  assert.match(scanned.err, /bgsave does not go \(NOPERM.*aof does not go \(NOPERM.*scan is tried/s)
  await assertSameDataset(await load(t, scanned), server)
})

test('a file of BGSAVE says at which offset it is, so that a stream can go on from it', async (t) => {
  const server = await start(t)
  await server.cli('SET', 'a', '1')
  const [followed] = (await backup(server, ['--method', 'psync'])).bases // from now on there is a backlog
  await server.cli('SET', 'b', '2')
  const [saved] = (await backup(server, ['--method', 'bgsave'])).bases
  assert.equal(saved?.replid, followed?.replid)
  assert.ok((saved?.offset ?? 0) > (followed?.offset ?? 0), `${saved?.offset} is not behind ${followed?.offset}`)
})

test('what the user lacks for a scan is said in one go, with the line that grants it', async (t) => {
  const server = await start(t, { conf: WITHOUT_PSYNC })
  const secret = { RESPITE_PASSWORD: 'geheim' }
  const method = ['--method', 'scan', '--user', 'narrow']
  await server.cli('ACL', 'SETUSER', 'narrow', 'on', '>geheim', '~app:*', '+info', '+ping', '+scan', '+multi', '+time')
  const refused = await backup(server, method, secret)
  assert.equal(refused.exit, 1, JSON.stringify(refused.fault))
  assert.match(refused.fault?.hint ?? '', /^Grant it: ACL SETUSER <user> \+function\|dump \+pexpiretime \+dump \+exec$/)
  await server.cli('ACL', 'SETUSER', 'narrow', '+function|dump', '+pttl', '+dump', '+exec', '+discard')
  const keys = await backup(server, method, secret)
  assert.equal(keys.exit, 1)
  assert.match(keys.fault?.why ?? '', /may not read all keys/)
  assert.match(keys.fault?.hint ?? '', /~\*/)

  // Without PEXPIRETIME (a server before 7.0 has none) the time is counted from PTTL and the server's clock.
  await server.cli('ACL', 'SETUSER', 'narrow', '~*')
  await server.cli('SET', 'expires', 'x', 'PX', '86400000')
  await server.cli('SET', 'stays', 'x')
  const ran = await backup(server, method, secret)
  assert.equal(ran.exit, 0, ran.err)
  const restored = await load(t, ran)
  const [is, was] = await Promise.all([restored, server].map((each) => each.cli('PEXPIRETIME', 'expires')))
  assert.ok(Math.abs(Number(is) - Number(was)) <= 2, `${is} for ${was}`)
  assert.equal(await restored.cli('TTL', 'stays'), '-1')
})

test('a scan under writes loads, and holds every key that nobody touched', async (t) => {
  const server = await start(t, { conf: [...WITHOUT_PSYNC, 'maxmemory 400mb'] })
  for (let at = 0; at < 3; at += 1) await server.cli('DEBUG', 'POPULATE', '3000', `untouched${at}`, '100')
  const flood = await startFlood({ server, pauseMs: 5 })
  // Keys that come and go in numbers make the table grow and shrink: then SCAN hands out keys twice.
  const line = await bytesOf(server)
  const over = new AbortController()
  const swing = (async () => {
    for (let round = 0; !over.signal.aborted; round += 1) {
      await line.send('DEBUG', 'POPULATE', '60000', `swing${round}`, '1')
      for (let at = 0; at < 60_000; at += 10_000)
        await line.send('UNLINK', ...Array.from({ length: 10_000 }, (_, key) => `swing${round}:${at + key}`))
    }
  })()
  const ran = await backup(server, ['--method', 'scan', '--rate', '30000'])
  over.abort()
  await swing
  await flood.stop()
  line.close()
  assert.equal(ran.exit, 0, JSON.stringify(ran.fault))
  const restored = await load(t, ran)
  const kept = Number(await restored.cli('EVAL', "return #redis.call('KEYS', 'untouched*')", '0'))
  assert.equal(kept, 9000)
})

test('of a Cluster, each shard is scanned at its replica', async (t) => {
  const cluster = await startCluster(2, 1)
  t.after(() => cluster.stop())
  const [first] = cluster.primaries
  assert.ok(first)
  for (let at = 0; at < 20; at += 1) await first.cli('-c', 'SET', `key:${at}`, String(at))
  const ran = await backup(first, ['--method', 'scan'])
  assert.equal(ran.exit, 0, JSON.stringify(ran.fault))
  assert.deepEqual(
    ran.bases.map(({ role, method }) => [role, method]),
    [
      ['replica', 'scan'],
      ['replica', 'scan'],
    ],
  )
  for (const { shard } of ran.bases) assert.match(shard, /^[0-9a-f]{12}$/) // digits of a node id, which no address tells apart
  assert.equal(
    ran.bases.reduce((sum, { keys }) => sum + keys, 0),
    20,
  )
})

test('it keeps to the rate', async (t) => {
  const server = await start(t)
  await server.cli('DEBUG', 'POPULATE', '1000')
  const [base] = (await backup(server, ['--method', 'scan', '--rate', '500'])).bases
  assert.ok((base?.tookMs ?? 0) >= 1_500, `1,000 keys at 500 a second took ${base?.tookMs} ms`)
})

/** Backs up while a child of the server stands still; it goes on when the backup waits for it. */
async function backupBehind(server: Server, started: RegExp): Promise<Ran> {
  const pid = Number(started.exec(server.log())?.[1])
  process.kill(pid, 'SIGSTOP')
  const ran = backup(server, ['--method', 'bgsave'])
  try {
    let looks = 0 // it asks nothing but INFO any more
    await until('the backup waits', async () => {
      const line = /^.* name=respite-backup .* cmd=info .*$/m.exec(await server.cli('CLIENT', 'LIST'))
      return (looks = line === null ? 0 : looks + 1) > 25
    })
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  return ran
}

// A thousand keys of half a millisecond: time enough to stop the child.
const SLOW_SAVE = ['rdb-key-save-delay 500']

test('a save that runs already is waited for, and not taken for ours', async (t) => {
  const server = await start(t, { conf: [...WITHOUT_PSYNC, ...SLOW_SAVE] })
  await server.cli('DEBUG', 'POPULATE', '2000')
  await server.cli('BGSAVE')
  await server.cli('SET', 'written', 'after its fork')
  const ran = await backupBehind(server, /Background saving started by pid (\d+)/)
  assert.equal(ran.exit, 0, ran.err)
  assert.match(ran.err, /waits, since a save is running/)
  assert.equal(await (await load(t, ran)).cli('GET', 'written'), 'after its fork')
})

test('a save behind the rewrite of an append-only file comes when that is done', async (t) => {
  const server = await start(t, { conf: [...WITHOUT_PSYNC, ...SLOW_SAVE, 'appendonly yes'] })
  await server.cli('DEBUG', 'POPULATE', '2000')
  await server.cli('BGREWRITEAOF')
  await server.cli('SET', 'written', 'meanwhile')
  const ran = await backupBehind(server, /append only file rewriting started by pid (\d+)/)
  assert.equal(ran.exit, 0, JSON.stringify(ran.fault))
  assert.match(ran.err, /append-only file is being rewritten/)
  assert.equal(await (await load(t, ran)).cli('GET', 'written'), 'meanwhile')
})

test('a save that fails is no base, and the server’s own reason is said', async (t) => {
  const server = await start(t)
  await server.cli('SET', 'a', '1')
  mkdirSync(join(server.dir, 'dump.rdb')) // nothing can be renamed to it, also by root
  chmodSync(join(server.dir, 'dump.rdb'), 0o755)
  const { exit, fault, bases } = await backup(server, ['--method', 'bgsave'])
  assert.equal(exit, 2, JSON.stringify(fault))
  assert.deepEqual(bases, [])
  assert.match(fault?.why ?? '', /the save failed: .*(rename|moving|Error)/i)
})

test('behind a proxy its files are out of reach, and that is why it is scanned', async (t) => {
  const server = await start(t, { conf: WITHOUT_PSYNC })
  await server.cli('SET', 'a', '1')
  const { port } = await startCuttingProxy(t, server.port)
  const ran = await backup({ ...server, url: `redis://127.0.0.1:${port}` })
  assert.equal(ran.bases[0]?.method, 'scan', ran.err)
  assert.match(ran.err, /bgsave does not go \(its folder .* cannot be reached from here: node.*\); aof is tried/)
})

test('a server that cannot save gives its append-only files instead; without them it says why it cannot', async (t) => {
  const server = await start(t, { conf: [...WITHOUT_PSYNC, 'appendonly yes'] })
  await server.cli('SET', 'a', '1')
  mkdirSync(join(server.dir, 'dump.rdb'))
  const { bases, err } = await backup(server)
  assert.equal(bases[0]?.method, 'aof', err)
  assert.match(err, /bgsave does not go \(the save failed.*\); aof is tried/)
  await server.cli('CONFIG', 'SET', 'appendonly', 'no')
  const { exit, fault } = await backup(server)
  assert.equal(exit, 2)
  assert.match(fault?.why ?? '', /the save failed/)
})
