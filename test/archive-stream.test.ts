// What a server writes is in the archive, to the byte and with the dataset that it makes: under a flood, from every base,
// with transactions larger than a segment, joined, encrypted, and over a restart of the archiver.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { startReplica, startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
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
  timelinesOf,
  type Archived,
} from './archiving.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

nothingLeftAfterwards()

async function serverIn(t: TestContext, options: StartOptions = {}): Promise<Server> {
  const server = await startServer({ debug: true, ...options })
  t.after(() => server.stop())
  return server
}

const basesOf = ({ events }: Archived): number => events.filter(({ event }) => event === 'base').length

test('what a flood wrote is in the archive, whichever of its bases one begins with', async (t) => {
  const server = await serverIn(t)
  const store = await folderStore(t)
  const joining = { bytes: 200_000, ms: 1_500 }
  const every = { baseEveryMs: 1_500, segmentEveryMs: 100 }
  const archived = await archive(t, store, { servers: () => [server], ...every, joining })
  const flood = await startFlood({ server })
  await until('some bases were taken', () => basesOf(archived) >= 4)
  await flood.stop()
  const offset = await stored(archived, server)
  await archived.stop()
  const timelines = await timelinesOf(store)
  const [timeline = assert.fail('no timeline')] = timelines
  assert.equal(timelines.length, 1)
  assertNoSilentHole(timeline)
  assert.equal(timeline.stretches.length, 1)
  assert.ok((timeline.stretches[0]?.to ?? 0) >= offset)
  const { bases, segments } = timeline
  const joined = segments.filter(({ fromTime, toTime }) => toTime - fromTime > 2 * every.segmentEveryMs)
  const { fromTime = 0, toTime = 0 } = timeline.stretches[0] ?? {}
  const sent = (toTime - fromTime) / every.segmentEveryMs
  assert.ok(joined.length > 0 && segments.length < sent / 2, `${segments.length} of ${sent}, ${joined.length} large`)
  for (const base of bases) {
    assert.ok(
      base.offset === offset || segments.some(({ from }) => from === base.offset),
      `no segment begins at the base of ${base.offset}`,
    )
    const across = segments.filter(({ from, to }) => from < (base.offset ?? 0) && to > (base.offset ?? 0))
    assert.deepEqual(across, [], 'no segment lies across a base')
  }
  for (const base of [bases[0], bases.at(-1)]) {
    assert.ok(base !== undefined)
    const copy = await layOut(t, store, timeline, base)
    await assertSameDataset(copy, server)
    await copy.stop()
  }
})

test('a transaction larger than a segment is whole in one', async (t) => {
  const server = await serverIn(t)
  const store = await folderStore(t)
  const archived = await archive(t, store, { servers: () => [server], segmentEveryMs: 20 })
  await until('it streams', () => archived.archiver.status()[0]?.replayable === true)
  const connection = await openConnection({ address: server.address, access: server.access, timeoutMs: 60_000 })
  t.after(() => connection.close())
  const large = 'x'.repeat(500_000)
  const commands = Array.from({ length: 40 }, (_none, at) => connection.send('SET', `large:${at % 3}`, large + at))
  void connection.send('MULTI')
  const all = Array.from({ length: 40 }, (_none, at) => connection.send('APPEND', `large:${at % 3}`, large))
  await Promise.all([...commands, ...all, connection.send('EXEC')])
  await stored(archived, server)
  await archived.stop()
  const timeline = await latest(store)
  assert.ok(timeline.segments.some(({ from, to }) => to - from > 20_000_000))
  const [base = assert.fail('no base')] = timeline.bases
  await assertSameDataset(await layOut(t, store, timeline, base), server)
})

test('an archiver that comes back goes on where it was, without a new base', async (t) => {
  const server = await serverIn(t, { conf: ['repl-backlog-size 64mb'] }) // however long we take to come back
  const store = await folderStore(t)
  const first = await archive(t, store, { servers: () => [server] })
  const flood = await startFlood({ server, pauseMs: 5 })
  await until('it streams', () => first.archiver.status()[0]?.replayable === true)
  const { dataDir } = first
  await first.archiver.stop(5_000)
  const again = await archive(t, store, { servers: () => [server], dataDir })
  await until('it streams again', () => again.archiver.status()[0]?.link === 'streaming')
  await flood.stop()
  await stored(again, server)
  await again.stop()
  const timelines = await timelinesOf(store)
  assert.deepEqual([timelines.length, timelines[0]?.bases.length, timelines[0]?.stretches.length], [1, 1, 1])
  assert.equal(basesOf(again), 0)
  const [timeline = assert.fail('no timeline')] = timelines
  const [base = assert.fail('no base')] = timeline.bases
  await assertSameDataset(await layOut(t, store, timeline, base), server)
})

test('encrypted to two people, each of them reads it, and nobody else', async (t) => {
  const [mine, yours, strangers] = [await makeKey(), await makeKey(), await makeKey()]
  const server = await serverIn(t)
  const store = await folderStore(t)
  const recipients = [mine.recipient, yours.recipient]
  const archived = await archive(t, store, { servers: () => [server], recipients, joining: { bytes: 50_000, ms: 500 } })
  const flood = await startFlood({ server, pauseMs: 5 })
  await until('it streams', () => archived.archiver.status()[0]?.replayable === true)
  await flood.stop()
  await server.cli('SET', 'account:geheim', 'x')
  await stored(archived, server)
  await archived.stop()
  const timeline = await latest(store)
  const [base = assert.fail('no base')] = timeline.bases
  for (const { identity } of [mine, yours]) {
    const copy = await layOut(t, store, timeline, base, { identities: [identity] })
    await assertSameDataset(copy, server)
    await copy.stop()
  }
  await assert.rejects(layOut(t, store, timeline, base, { identities: [strangers.identity] }), /identity/)
  await assert.rejects(layOut(t, store, timeline, base), /no identity is given/)
  const names = await Array.fromAsync(store.list(''))
  assert.ok(names.filter(({ key }) => /\/(stream|bases)\/.*zst/.test(key)).every(({ key }) => key.endsWith('.age')))
})

test('with the primary as its source, WAIT counts what is in the store and nothing else', async (t) => {
  const server = await serverIn(t)
  const real = await folderStore(t)
  const gate = { opens: Promise.resolve() }
  const store = gated(real, () => gate.opens)
  const archived = await archive(t, store, { servers: () => [server], attach: 'primary', segmentEveryMs: 60_000 })
  await until('it streams', () => archived.archiver.status()[0]?.replayable === true)
  const connection = await openConnection({ address: server.address, access: server.access, timeoutMs: 60_000 })
  t.after(() => connection.close())
  for (let at = 0; at < 20; at += 1) {
    await connection.send('SET', `key:${at}`, 'x')
    assert.equal(await connection.send('WAIT', '1', '20000'), 1)
    const written = await offsetOf(server)
    const { stretches } = await latest(store)
    // What was asked on the way (GETACK) lies behind the write.
    assert.ok((stretches[0]?.to ?? 0) >= written - 200, `${stretches[0]?.to} of ${written}`)
  }
  const opening = Promise.withResolvers<void>()
  gate.opens = opening.promise
  await connection.send('SET', 'key', 'x')
  assert.equal(await connection.send('WAIT', '1', '600'), 0)
  opening.resolve()
  assert.equal(await connection.send('WAIT', '1', '20000'), 1)
  await archived.stop()
})

test('a replica is followed where there is one, and its primary when it dies, in one timeline', async (t) => {
  const primary = await serverIn(t)
  const replica = await startReplica(primary, { debug: true })
  t.after(() => replica.stop())
  const store = await folderStore(t)
  const archived = await archive(t, store, { servers: () => [primary, replica] })
  const flood = await startFlood({ server: primary, pauseMs: 5 })
  await until('it streams', () => archived.archiver.status()[0]?.replayable === true)
  assert.equal(archived.archiver.status()[0]?.source, replica.id)
  await replica.kill('SIGKILL')
  archived.archiver.changed()
  await until('the primary is followed', () => archived.archiver.status()[0]?.source === primary.id)
  await flood.stop()
  await stored(archived, primary)
  await archived.stop()
  const timelines = await timelinesOf(store)
  assert.deepEqual([timelines.length, timelines[0]?.stretches.length, timelines[0]?.gaps], [1, 1, []])
  const timeline = await latest(store)
  const [base = assert.fail('no base')] = timeline.bases
  await assertSameDataset(await layOut(t, store, timeline, base), primary)
})

async function makeKey(): Promise<{ readonly identity: string; readonly recipient: string }> {
  const identity = await generateIdentity()
  return { identity, recipient: await identityToRecipient(identity) }
}
