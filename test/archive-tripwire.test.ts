// A dataset that is taken away is noticed while it happens, and what was there can be had from the command before it.
// What the server removes by itself, by expiry and eviction, is no such thing, however much of it there is.

import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { readCatalog } from '../src/archive/catalog.ts'
import type { PointDocument } from '../src/archive/documents.ts'
import { openConnection } from '../src/redis/connection.ts'
import { archive, DEPLOYMENT, folderStore, infoOf, latest, layOut, stored, type Archived } from './archiving.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const KEYS = 3_000
const BATCH = 500
type Words = readonly string[]

async function serverIn(t: TestContext, options: StartOptions = {}): Promise<Server> {
  const server = await startServer({ debug: true, ...options })
  t.after(() => server.stop())
  return server
}

async function send({ address, access }: Server, commands: readonly Words[]): Promise<void> {
  const connection = await openConnection({ address, access, timeoutMs: 60_000 })
  for (let at = 0; at < commands.length; at += BATCH)
    await Promise.all(commands.slice(at, at + BATCH).map((words) => connection.send(...words)))
  connection.close()
}

function each(command: (key: string) => Words, many = KEYS): Words[] {
  return Array.from({ length: many }, (_none, at) => command(`key:${at}`))
}

async function begun(t: TestContext, server: Server): Promise<Archived> {
  const archived = await archive(t, await folderStore(t), { servers: () => [server] })
  await until('it streams', () => archived.archiver.status()[0]?.replayable === true)
  return archived
}

const pointsOf = ({ events }: Archived): PointDocument[] =>
  events.flatMap((event) => (event.event === 'point' ? [event.point] : []))

async function keysAt(t: TestContext, { store }: Archived, { shards }: PointDocument): Promise<string> {
  const timeline = await latest(store)
  const to = shards[0]?.offset ?? assert.fail()
  assert.equal(shards[0]?.timeline, timeline.id)
  return (await layOut(t, store, timeline, timeline.bases[0] ?? assert.fail(), { to })).cli('DBSIZE')
}

/** Two looks have passed since everything came. */
async function looked(server: Server, archived: Archived): Promise<void> {
  await stored(archived, server)
  const { looks } = archived
  await until('two looks have passed', () => archived.looks >= looks + 3)
}

suite('the tripwire', { concurrency: true }, () => {
  test('FLUSHALL is undone by going to the command before it', async (t) => {
    const server = await serverIn(t)
    const archived = await begun(t, server)
    await send(
      server,
      each((key) => ['SET', key, 'x']),
    )
    await looked(server, archived)
    await send(server, [['FLUSHALL'], ['SET', 'after', 'x']])
    await stored(archived, server)
    const [point = assert.fail('it was not noticed'), ...others] = pointsOf(archived)
    assert.deepEqual([point.command, point.keysLost, others], ['FLUSHALL', KEYS, []])
    await until('the point is in the store', async () => {
      const [deployment] = await readCatalog(archived.store, DEPLOYMENT)
      return deployment?.points[0]?.name === point.name
    })
    assert.equal(await keysAt(t, archived, point), String(KEYS))
  })

  test('FLUSHALL right after the start is known with its loss', async (t) => {
    const server = await serverIn(t)
    await send(
      server,
      each((key) => ['SET', key, 'x']),
    )
    const archived = await begun(t, server)
    await send(server, [['FLUSHALL']])
    await stored(archived, server)
    assert.equal(pointsOf(archived)[0]?.keysLost, KEYS)
  })

  test('many keys deleted one by one are undone, too', async (t) => {
    const server = await serverIn(t)
    await send(
      server,
      each((key) => ['SET', key, 'x']),
    )
    const archived = await begun(t, server)
    await looked(server, archived)
    await send(
      server,
      each((key) => ['DEL', key], KEYS - 1),
    )
    const point = await until('it is noticed', () => pointsOf(archived)[0])
    assert.match(point.command, /DEL/)
    assert.ok(point.keysLost > 1_000)
    await stored(archived, server)
    assert.equal(await keysAt(t, archived, point), String(KEYS))
  })

  test('keys that expire or are evicted by the thousand are no alarm, and neither are those that come late', async (t) => {
    const server = await serverIn(t, { conf: ['repl-backlog-size 64mb'] })
    const archived = await begun(t, server)
    await send(
      server,
      each((key) => ['SET', key, 'x', 'PX', '300']),
    )
    await until('they have expired', async () => (await infoOf(server, 'stats')).get('expired_keys') === String(KEYS))
    await looked(server, archived)
    await send(
      server,
      each((key) => ['SET', key, 'x'.repeat(1_000)]),
    )
    await send(server, [
      ['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random'],
      ['CONFIG', 'SET', 'maxmemory', '1mb'],
      ['SET', 'one', 'more'],
    ])
    await until('many were evicted', async () => Number((await infoOf(server, 'stats')).get('evicted_keys')) > 1_500)
    await looked(server, archived)
    const { dataDir, store } = archived
    await send(server, [['CONFIG', 'SET', 'maxmemory', '0'], ...each((key) => ['SET', key, 'x', 'PX', '100'])])
    await archived.archiver.stop(5_000)
    await until('they have expired', async () => Number(await server.cli('DBSIZE')) < 9)
    const again = await archive(t, store, { servers: () => [server], dataDir })
    await looked(server, again)
    assert.deepEqual([...pointsOf(archived), ...pointsOf(again)], [])
  })
})
