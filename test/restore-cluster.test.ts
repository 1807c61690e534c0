// A Cluster that was archived while it was written to is laid out as it was at one moment, a folder for each shard, and stock
// servers on those folders hold what its primaries held then.

import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { startCluster } from '../lab/cluster.ts'
import { freePort } from '../lab/free-port.ts'
import { restartAndLoad } from '../lab/saving.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { restoreSchema, type RestoreDocument } from '../src/api/contract.ts'
import { openConnection } from '../src/redis/connection.ts'
import { archiveUrl, type ArchivedUrl } from './archived-url.ts'
import { offsetOf } from './archived.ts'
import { RESPITE } from './daemon-process.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

nothingLeftAfterwards()

const PATIENTLY = { timeoutMs: 60_000 }

interface Writer {
  readonly written: number
  stop(): Promise<void>
}

/** Writes to one primary, of several types, in transactions too, keys of its own slots. */
async function write({ address, access }: Server): Promise<Writer> {
  const connection = await openConnection({ address, access, timeoutMs: 60_000, name: 'writer' })
  const { send } = connection
  const keys: string[] = []
  for (let at = 0; keys.length < 40; at += 1) {
    const [key, isMine] = [
      `key:${at}`,
      await send('GET', `key:${at}`).then(
        () => true,
        () => false,
      ),
    ] // MOVED: another's
    if (isMine) keys.push(key)
  }
  const ending = new AbortController()
  let written = 0
  const writing = (async () => {
    while (!ending.signal.aborted) {
      const [key = ''] = [keys[written % keys.length]]
      const words = [
        ['MULTI'],
        ['SET', key, `${written}`, 'EX', '100000'],
        ['HSET', `{${key}}:hash`, `field:${written % 50}`, 'x'.repeat(written % 200)],
        ['EXEC'],
        ['XADD', `{${key}}:stream`, 'MAXLEN', '20', '*', 'at', `${written}`],
        ['ZADD', `{${key}}:zset`, `${written}`, `member:${written % 30}`],
      ]
      await Promise.all(words.map((each) => send(...each)))
      written += 1
    }
    connection.close()
  })()
  return {
    get written() {
      return written
    },
    async stop() {
      ending.abort()
      await writing
    },
  }
}

/** Everything that these primaries have is in the store. */
async function caughtUp({ kept }: ArchivedUrl, primaries: readonly Server[]): Promise<void> {
  for (const { id } of primaries)
    await until(
      `all of ${id} is in the store`,
      async () => {
        const shard = kept.status().find(({ source }) => source === id)
        const server = primaries.find((each) => each.id === id) ?? assert.fail()
        return shard?.replayable === true && shard.durable === (await offsetOf(server))
      },
      PATIENTLY,
    )
}

async function restore(store: string, dir: string, ...flags: string[]): Promise<RestoreDocument> {
  const words = ['restore', store, '--to-dir', dir, '--yes', '--json', ...flags]
  const out = await new Promise<string>((resolve) => void execFile(RESPITE, words, (_error, text) => resolve(text)))
  const document = restoreSchema.safeParse(JSON.parse(out))
  return document.data ?? assert.fail(out)
}

/** A server alone on files that were laid out, or on an RDB. */
async function startOn(t: TestContext, files: string | { readonly rdb: Buffer }): Promise<Server> {
  const conf = [`appendonly ${typeof files === 'string' ? 'yes' : 'no'}`]
  const server = await startServer({ name: 'alone', debug: true, conf })
  t.after(() => server.stop())
  await server.kill('SIGKILL')
  rmSync(join(server.dir, 'appendonlydir'), { recursive: true, force: true })
  if (typeof files === 'string') cpSync(files, server.dir, { recursive: true })
  else writeFileSync(join(server.dir, 'dump.rdb'), files.rdb)
  await restartAndLoad(server)
  return server
}

/** Who has the same number of keys under the same digest is the same shard; each of these has one of those. */
async function assertSameShards(actual: readonly Server[], expected: readonly Server[]): Promise<void> {
  const digestOf = (server: Server): Promise<string> => server.cli('DEBUG', 'DIGEST')
  const digests = await Promise.all(expected.map(digestOf))
  for (const server of actual) {
    const match = expected[digests.indexOf(await digestOf(server))] ?? assert.fail('no shard held this')
    await assertSameDataset(server, match)
  }
  assert.equal(actual.length, expected.length)
}

test('a Cluster under writes, as it was at one moment and as it is at last', async (t) => {
  const cluster = await startCluster(3, 0, { debug: true, conf: ['repl-diskless-sync-delay 0'] })
  t.after(() => cluster.stop())
  const { primaries } = cluster
  const first = await Promise.all(primaries.map(write))
  const archived = await archiveUrl(t, primaries[0]?.url ?? '')
  const { url: store } = archived
  await until('much was written', () => first.every(({ written }) => written > 100))
  await Promise.all(first.map((writer) => writer.stop()))
  await caughtUp(archived, primaries) // a write is of the moment at which it came to the archive
  const moment = Math.ceil(Date.now() / 1_000) * 1_000
  const then = await Promise.all(
    primaries.map(async (server) => {
      assert.equal(await server.cli('SAVE'), 'OK')
      return startOn(t, { rdb: readFileSync(join(server.dir, 'dump.rdb')) })
    }),
  )
  await until('the second is over', () => Date.now() > moment + 1_000)
  const second = await Promise.all(primaries.map(write))
  await until('more was written', () => second.every(({ written }) => written > 100))
  await Promise.all(second.map((writer) => writer.stop()))
  await primaries[1]?.cli('FLUSHALL')
  await caughtUp(archived, primaries)
  await archived.kept.stop(5_000)

  const back = await restore(store, join(makeFolder('restored'), 'then'), '--at', new Date(moment).toISOString())
  assert.equal(back.shards.length, 3)
  const wasThen = await Promise.all(back.shards.map(({ folder: of }) => startOn(t, of)))
  await assertSameShards(wasThen, then)
  const latest = await restore(store, join(makeFolder('restored'), 'now'))
  const isNow = await Promise.all(latest.shards.map(({ folder: of }) => startOn(t, of)))
  await assertSameShards(isNow, primaries)

  // The command of the plan starts it as a member of a Cluster, which claims the slots of its keys.
  const [shard] = back.shards
  const port = await freePort()
  const words = `${shard?.start} --port ${port} --daemonize no`.split(' ')
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: 'ignore' })
  t.after(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const ask = (...asked: string[]): string =>
    spawnSync('redis-cli', ['-p', String(port), ...asked], { encoding: 'utf8' }).stdout.trim()
  await until('it has loaded', () => /^loading:0/m.test(ask('INFO', 'persistence')), PATIENTLY)
  assert.match(ask('INFO', 'cluster'), /cluster_enabled:1/)
  assert.equal(ask('DBSIZE'), await wasThen[0]?.cli('DBSIZE'))
})
