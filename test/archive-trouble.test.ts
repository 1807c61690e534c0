// What breaks beneath an archive: the store is away, its spool is full, a backlog is too short, and the server, the archiver
// and the store are killed. What is lost is what the server itself has lost; whatever is missing is written down.

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { openStorage } from '../src/archive/store/storage.ts'
import { systemClock } from '../src/lib/clock.ts'
import { openConnection } from '../src/redis/connection.ts'
import {
  archive,
  assertNoSilentHole,
  DEPLOYMENT,
  folderStore,
  gated,
  latest,
  layOut,
  offsetOf,
  stored,
  timelinesOf,
} from './archiving.ts'
import { RESPITE } from './daemon-process.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'
import { stages } from './store-stages.ts'

nothingLeftAfterwards()

const MIB = 2 ** 20

async function serverIn(t: TestContext, options: StartOptions = {}): Promise<Server> {
  const server = await startServer({ debug: true, ...options })
  t.after(() => server.stop())
  return server
}

/** Values that no compression makes smaller. */
async function fill(server: Server, mib: number): Promise<void> {
  const connection = await openConnection({ address: server.address, access: server.access, timeoutMs: 60_000 })
  for (let at = 0; at < mib; at += 1)
    await connection.send('SET', `random:${at % 8}`, randomBytes(MIB / 2).toString('hex'))
  connection.close()
}

test('a store that is away for a while gets everything in its order when it is back', async (t) => {
  const server = await serverIn(t)
  const real = await folderStore(t)
  let away = false
  const order: string[] = []
  const store = gated(real, async (key) => {
    if (away) throw new Error('the store is away')
    order.push(key)
  })
  const archived = await archive(t, store, { servers: () => [server] })
  const status = (): ReturnType<typeof archived.archiver.status>[number] | undefined => archived.archiver.status()[0]
  await until('it streams', () => status()?.replayable === true)
  const flood = await startFlood({ server, pauseMs: 2 })
  away = true
  await until('the spool has taken over', () => (status()?.outbox.spoolBytes ?? 0) > 0)
  assert.match(status()?.outbox.trouble ?? '', /the store is away/)
  assert.equal(status()?.link, 'streaming')
  away = false
  await until('the spool is empty', () => status()?.outbox.spoolBytes === 0)
  await flood.stop()
  await stored(archived, server)
  await archived.stop()
  const begins = order.flatMap((key) => /stream\/(\d+)-/.exec(key)?.[1] ?? [])
  assert.deepEqual(begins.slice(0, -1), begins.slice(0, -1).toSorted()) // the last one joins them all
  const timeline = await latest(store)
  assert.deepEqual([timeline.stretches.length, timeline.gaps.length, timeline.bases.length], [1, 0, 1])
  await assertSameDataset(await layOut(t, store, timeline, timeline.bases[0] ?? assert.fail()), server)
})

for (const backlog of ['256mb', '1mb'] as const)
  test(`a spool that is full lets go of the server; with a backlog of ${backlog} ${
    backlog === '1mb' ? 'the gap is recorded and closed' : 'it goes on without a gap'
  }`, async (t) => {
    const server = await serverIn(t, { conf: [`repl-backlog-size ${backlog}`] })
    const real = await folderStore(t)
    let away = false
    const store = gated(real, async () => {
      if (away) throw new Error('the store is away')
    })
    const archived = await archive(t, store, { servers: () => [server], spoolBytes: 5 * MIB })
    const status = (): ReturnType<typeof archived.archiver.status>[number] | undefined => archived.archiver.status()[0]
    await until('it streams', () => status()?.replayable === true)
    away = true
    await fill(server, 130)
    await until('the link was let go', () => status()?.link === 'lost' || status()?.link === 'connecting')
    await until('the server keeps nothing for us', async () =>
      (await server.cli('INFO', 'replication')).includes('connected_slaves:0'),
    )
    assert.ok((status()?.outbox.spoolBytes ?? 0) <= 5 * MIB)
    assert.ok((status()?.outbox.memoryBytes ?? 0) <= 64 * MIB, `${status()?.outbox.memoryBytes}`)
    await fill(server, 3)
    away = false
    await stored(archived, server)
    await archived.stop()
    const timelines = await timelinesOf(store)
    const [timeline = assert.fail()] = timelines
    assert.equal(timelines.length, 1)
    assertNoSilentHole(timeline)
    assert.deepEqual([timeline.gaps.length, timeline.bases.length], backlog === '1mb' ? [1, 2] : [0, 1])
    await assertSameDataset(await layOut(t, store, timeline, timeline.bases.at(-1) ?? assert.fail()), server)
  })

test('a server that is killed has lost more than its archive', async (t) => {
  const server = await serverIn(t, { conf: ['appendonly yes', 'appendfsync everysec'] })
  const store = await folderStore(t)
  const archived = await archive(t, store, { servers: () => [server] })
  await until('it streams', () => archived.archiver.status()[0]?.replayable === true)
  const connection = await openConnection({ address: server.address, access: server.access, timeoutMs: 5_000 })
  const answered: { readonly at: number; readonly count: number }[] = []
  const writing = (async (): Promise<void> => {
    for (;;) answered.push({ count: Number(await connection.send('INCR', 'count')), at: performance.now() })
  })().catch(() => undefined)
  await until('some were answered', () => answered.length > 500)
  await sleep(Math.random() * 500)
  await server.kill('SIGKILL')
  const killedAt = performance.now()
  await writing
  connection.close()
  await server.restart()
  await until(
    'it is followed again',
    () => archived.archiver.status()[0]?.replayable === true && archived.archiver.status()[0]?.link === 'streaming',
  )
  await server.cli('SET', 'after', 'x')
  await stored(archived, server)
  await archived.stop()
  const timelines = await timelinesOf(store)
  assert.equal(timelines.length, 2) // it came back with a history of its own
  for (const timeline of timelines) assertNoSilentHole(timeline)
  const [before = assert.fail(), after = assert.fail()] = timelines
  assert.equal(after.about?.parent?.timeline, before.id)
  const copy = await layOut(t, store, before, before.bases[0] ?? assert.fail())
  const due = answered.findLast(({ at }) => at < killedAt - 200)?.count ?? 0
  assert.ok(Number(await copy.cli('GET', 'count')) >= due)
  await assertSameDataset(await layOut(t, store, after, after.bases[0] ?? assert.fail()), server)
})

interface ArchiverProcess {
  readonly child: ChildProcess
  readonly events: { readonly event: string }[]
}

async function startProcess(t: TestContext, ...args: string[]): Promise<ArchiverProcess> {
  const all = ['archive', '--json', '--name', DEPLOYMENT, ...args]
  const child = spawn(RESPITE, all, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const events: { readonly event: string }[] = []
  createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line) as { event: string }))
  await until('it archives', () => events.some(({ event }) => event === 'archiving'), { timeoutMs: 60_000 })
  return { child, events }
}

test('an archiver that is killed loses nothing: it goes on in the backlog, and what it left there is whole', async (t) => {
  const server = await serverIn(t, { conf: ['repl-backlog-size 64mb'] })
  const [folder, data] = [makeFolder('store'), makeFolder('data')]
  t.after(() => [folder, data].forEach((dir) => rmSync(dir, { recursive: true, force: true })))
  const flood = await startFlood({ server, pauseMs: 10 })
  const args = [server.url, '--to', `file://${folder}`, '--data', data]
  const store = await openStorage(`file://${folder}`, { clock: systemClock })
  t.after(() => store.close())
  for (let round = 0; round < 2; round += 1) {
    const { child } = await startProcess(t, ...args)
    await until('there is a base', async () => (await timelinesOf(store))[0]?.bases.length === 1)
    await sleep(Math.random() * 1_500)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const last = await startProcess(t, ...args)
  await flood.stop()
  const offset = await offsetOf(server)
  await until('all of it is there', async () => ((await latest(store)).stretches.at(-1)?.to ?? 0) >= offset)
  last.child.kill('SIGTERM')
  assert.deepEqual(await once(last.child, 'exit'), [0, null])
  const timelines = await timelinesOf(store)
  const [timeline = assert.fail()] = timelines
  assert.deepEqual(
    [timelines.length, timeline.bases.length, timeline.stretches.length, timeline.gaps.length],
    [1, 1, 1, 0],
  )
  await assertSameDataset(await layOut(t, store, timeline, timeline.bases[0] ?? assert.fail()), server)
})

test('an S3 server that goes away in the middle is waited for', async (t) => {
  const stage = await stages()
    .find(({ id }) => id === 's3')
    ?.start()
  if (stage === undefined || typeof stage === 'string') return t.skip(stage ?? 'there is no s3')
  t.after(() => stage.stop())
  const server = await serverIn(t)
  const store = await openStorage(stage.url, { clock: systemClock, ...stage.options })
  t.after(() => store.close())
  const archived = await archive(t, store, { servers: () => [server], baseEveryMs: 2_000 })
  await until('it streams', () => archived.archiver.status()[0]?.replayable === true)
  const flood = await startFlood({ server, pauseMs: 5 })
  for (let round = 0; round < 2; round += 1) {
    stage.signal?.('SIGSTOP')
    await sleep(300 + Math.random() * 1_000)
    stage.signal?.('SIGCONT')
    await sleep(Math.random() * 500)
  }
  await flood.stop()
  await stored(archived, server)
  await archived.stop()
  const timeline = await latest(store)
  assert.equal(timeline.stretches.length, 1)
  for (const base of [timeline.bases[0], timeline.bases.at(-1)])
    await assertSameDataset(await layOut(t, store, timeline, base ?? assert.fail()), server)
})
