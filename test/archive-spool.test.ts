// Stores that lag behind what is written: one that is slow, one that is killed within an upload, one that is away while
// somebody tidies up the spool. What waits follows in its order; what was taken away is a gap that says so.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { openStorage, type Store } from '../src/archive/store/storage.ts'
import { systemClock } from '../src/lib/clock.ts'
import { openConnection } from '../src/redis/connection.ts'
import {
  archive,
  assertNoSilentHole,
  folderStore,
  gated,
  latest,
  layOut,
  offsetOf,
  stored,
  type Archived,
} from './archiving.ts'
import { startBadLink, type BadLink } from './bad-link.ts'
import { evaluate, keepDoing, hurried, shippedRules } from './evaluating.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'
import { stages, type Stage } from './store-stages.ts'

nothingLeftAfterwards()

async function serverIn(t: TestContext): Promise<Server> {
  const server = await startServer({ debug: true, conf: ['repl-backlog-size 64mb'] })
  t.after(() => server.stop())
  return server
}

interface Slow {
  readonly stage: Stage
  readonly line: BadLink // to it
  readonly url: string // of the store behind that line
}

/** A real S3 server behind a line that can be made slow; a text says why there is none. */
async function slowStorage(t: TestContext): Promise<Slow | string> {
  const s3 = stages().find(({ id }) => id === 's3')
  const stage = (await s3?.start()) ?? 'there is no s3'
  if (typeof stage === 'string') return stage
  t.after(() => stage.stop())
  const endpoint = new URL(stage.url).searchParams.get('endpoint') ?? ''
  const line = await startBadLink(t, endpoint)
  return { stage, line, url: stage.url.replace(endpoint, line.url) }
}

async function storeOf(t: TestContext, { options }: Stage, url: string): Promise<Store> {
  const store = await openStorage(url, { clock: systemClock, ...options })
  t.after(() => store.close())
  return store
}

function statusOf({ archiver }: Archived): ReturnType<Archived['archiver']['status']>[number] {
  return archiver.status()[0] ?? assert.fail()
}

suite('a store that lags behind', { concurrency: 2 }, () => {
  test('a slow one: the spool grows, the alert says when it is full, and nothing is lost when it is quick again', async (t) => {
    const slow = await slowStorage(t)
    if (typeof slow === 'string') return t.skip(slow)
    const server = await serverIn(t)
    const { credentialsFile } = slow.stage.options
    const login = credentialsFile === undefined ? {} : { credentialsFile }
    const backup = {
      to: slow.url,
      recipients: [],
      identities: [],
      attach: 'replica',
      everyMs: 3_600_000,
      namespaces: [],
      ...login,
    } as const
    const watched = evaluate(t, { url: server.url, rules: hurried(shippedRules('redis.yml')), backup })
    const store = await storeOf(t, slow.stage, slow.stage.url)
    await until('there is a base', async () => (await latest(store)).bases.length === 1, { timeoutMs: 60_000 })
    const writer = await openConnection({ ...server, timeoutMs: 60_000 })
    t.after(() => writer.close())
    const stop = keepDoing(t, async () => {
      await writer.send('SET', `key:${Math.random()}`, randomBytes(100_000).toString('base64'), 'EX', '7200')
      await sleep(50)
    })
    slow.line.trouble = ({ method }) => (method === 'PUT' ? { bytesPerMs: 200 } : undefined) // a tenth of what is written
    const { value } = await watched.untilFires('RedisArchiveSpoolFilling', { severity: 'warning' })
    assert.ok(value > 60 && value < 43_200, `full in ${value} s`) // a gibibyte at less than 2 MB/s: ten minutes and more
    assert.ok(!watched.lines().some((line) => line.startsWith('RedisArchiveStoreUnreachable')))
    slow.line.trouble = () => undefined
    await watched.untilEnds('RedisArchiveSpoolFilling')
    await stop()
    const offset = await offsetOf(server)
    await until('all of it is there', async () => ((await latest(store)).stretches.at(-1)?.to ?? 0) >= offset, {
      timeoutMs: 60_000,
    })
    const timeline = await latest(store)
    assert.deepEqual([timeline.stretches.length, timeline.gaps.length, timeline.bases.length], [1, 0, 1])
    await assertSameDataset(await layOut(t, store, timeline, timeline.bases[0] ?? assert.fail()), server)
  })

  test('one that is killed within an upload, and comes back: all of it follows', async (t) => {
    const slow = await slowStorage(t)
    if (typeof slow === 'string') return t.skip(slow)
    const server = await serverIn(t)
    const archived = await archive(t, await storeOf(t, slow.stage, slow.url), {
      servers: () => [server],
      segmentEveryMs: 500,
    })
    await until('it streams', () => statusOf(archived).replayable)
    const flood = await startFlood({ server, pauseMs: 10 })
    for (let round = 0; round < 2; round += 1) {
      const killed = Promise.withResolvers<number>()
      let begun = false
      slow.line.trouble = ({ method }) => {
        if (method === 'PUT' && !begun)
          setTimeout(() => {
            killed.resolve(slow.line.underWay)
            slow.stage.signal?.('SIGKILL')
          }, 100)
        begun ||= method === 'PUT'
        return method === 'PUT' ? { bytesPerMs: 50 } : undefined
      }
      assert.ok((await killed.promise) > 0)
      slow.line.trouble = () => undefined
      await until('it is seen to be away', () => statusOf(archived).outbox.waiting > 1)
      await slow.stage.restart?.()
    }
    await flood.stop()
    await stored(archived, server)
    await archived.stop()
    const timeline = await latest(archived.store)
    assert.deepEqual([timeline.stretches.length, timeline.gaps.length, timeline.bases.length], [1, 0, 1])
    await assertSameDataset(await layOut(t, archived.store, timeline, timeline.bases[0] ?? assert.fail()), server)
  })

  for (const when of ['while it runs', 'while it does not run'] as const)
    test(`files that somebody removes from the spool ${when} are a gap, told and closed by a new base`, async (t) => {
      const server = await serverIn(t)
      let away = false
      const store = gated(await folderStore(t), async () => {
        if (away) throw new Error('the store is away')
      })
      const dataDir = makeFolder('data')
      let archived = await archive(t, store, { servers: () => [server], dataDir })
      await until('it streams', () => statusOf(archived).replayable)
      const flood = await startFlood({ server, pauseMs: 5 })
      away = true
      const spool = join(dataDir, 'archives', 'orders', '0', 'spool')
      const files = (): string[] => readdirSync(spool).filter((name) => name.endsWith('.object'))
      await until('several wait on the disk', () => files().length > 5)
      if (when === 'while it does not run') await archived.archiver.stop(0)
      for (const name of files().toSorted().slice(2, 5)) rmSync(join(spool, name))
      away = false
      if (when === 'while it does not run') archived = await archive(t, store, { servers: () => [server], dataDir })
      await until('the gap is told', () => archived.events.some(({ event }) => event === 'gap'))
      await until('a base closes it', () =>
        archived.events.some((each) => each.event === 'base' && each.base.why === 'gap'),
      )
      await flood.stop()
      await stored(archived, server)
      await archived.stop()
      const timeline = await latest(store)
      assertNoSilentHole(timeline)
      assert.deepEqual([timeline.stretches.length, timeline.gaps.length, timeline.bases.length], [2, 1, 2])
      assert.match(timeline.gaps[0]?.why ?? '', /somebody removed or damaged its files/)
      await assertSameDataset(await layOut(t, store, timeline, timeline.bases.at(-1) ?? assert.fail()), server)
    })
})
