// What was archived comes back: the stream to the byte wherever one begins, and the place that a person means.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { findTarget, type Target, type Wish } from '../src/archive/find-target.ts'
import { readStream } from '../src/archive/read-stream.ts'
import { Fault } from '../src/lib/fault.ts'
import { StreamFramer } from '../src/replication/stream-framer.ts'
import { startArchived } from './archived.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

test('a stream with overlaps is read to the byte, from any base on, and each place of it is found', async (t) => {
  const server = await startServer({ conf: ['databases 32', 'repl-diskless-sync-delay 0'] })
  t.after(() => server.stop())
  const archived = await startArchived(t, server)
  const flood = await startFlood({ server, pauseMs: 5 })
  await until('something flows', () => flood.sent > 2_000)
  const second = await archived.takeBase()
  const between = Date.now()
  await until('more flows', async () => {
    const written = (await archived.shard()).timelines[0]?.segments.filter(({ from }) => from >= (second.offset ?? 0))
    return flood.sent > 6_000 && (written?.length ?? 0) >= 4 // of which some are laid back
  })
  await flood.stop()
  const end = await archived.caughtUp()
  const small = (await archived.shard()).timelines[0]?.segments ?? []
  const kept = await Promise.all(
    small.map(async ({ key }) => ({ key, bytes: await archived.store.getAll(key, 2 ** 26) })),
  )
  await archived.stop() // joins them to large ones, and removes them
  for (const { key, bytes } of kept.slice(-4)) await archived.store.put(key, bytes ?? Buffer.alloc(0))
  const [archive, shard] = [await archived.archive(), await archived.shard()]
  const [timeline] = shard.timelines
  assert.ok(timeline)
  assert.deepEqual(archive.trouble, [])
  assert.ok(timeline.segments.length > 3)
  const reading = { store: archived.store, identities: [] }
  const first = timeline.bases[0]
  assert.ok(first !== undefined && first.offset !== null && second.offset !== null)

  const read = async (from: number, db: number, to: number): Promise<Buffer> => {
    const parts: Buffer[] = []
    for await (const { bytes } of readStream(reading, { timeline, from, db, to })) parts.push(bytes)
    return Buffer.concat(parts)
  }
  const whole = await read(first.offset, first.db, end)
  assert.equal(whole.length, end - first.offset)
  assert.deepEqual(await read(second.offset, second.db, end), whole.subarray(second.offset - first.offset))

  await t.test('each piece says the database that is selected where it begins, also when it is cut', async () => {
    const middle = new StreamFramer({ offset: first.offset ?? 0, db: first.db, name: 'whole' })
    const half = middle.push(whole.subarray(0, Math.floor(whole.length / 2)))
    const framer = new StreamFramer({ offset: half.safe, db: half.db, name: 'half' })
    let seen = -1
    let db = half.db
    for await (const { piece, bytes } of readStream(reading, { timeline, from: half.safe, db: half.db, to: end })) {
      if (piece.from !== seen) assert.equal(piece.db, db)
      seen = piece.from
      db = framer.push(bytes).db
    }
  })

  const find = (wish: Wish): Promise<Target> => findTarget(reading, { archive, shard, wish })
  await t.test('the latest place is the end, on the base that leaves the least to replay', async () => {
    const { base, offset } = await find({ kind: 'latest' })
    assert.deepEqual([base.id, offset], [second.id, end])
  })

  await t.test('an offset within a transaction or a command means the place before it', async () => {
    const framer = new StreamFramer({ offset: first.offset ?? 0, db: first.db, name: 'whole' })
    let framerAt = 0
    for (let at = 0; at < whole.length; at += 1 + Math.floor(Math.random() * (whole.length / 25))) {
      const upTo = framer.push(whole.subarray(framerAt, at))
      framerAt = at
      const target = await find({ kind: 'offset', offset: (first.offset ?? 0) + at })
      assert.deepEqual([target.offset, target.db], [upTo.safe, upTo.db])
    }
  })
  await t.test('a moment means all that came up to it, and nothing that came behind it', async () => {
    const target = await find({ kind: 'time', at: between + 300 })
    assert.ok(target.at <= between + 300 && target.offset !== null && target.offset >= (second.offset ?? 0))
    assert.ok(target.base.id === second.id || target.base.id === first.id)
    assert.equal((await find({ kind: 'time', at: Date.now() })).offset, end)
  })

  await t.test('what cannot be is refused with what can', async () => {
    const refused = async (wish: Wish, why: RegExp): Promise<void> => {
      await assert.rejects(find(wish), (error) => {
        assert.ok(error instanceof Fault)
        assert.match(error.toText(), why)
        assert.equal(error.exit, 1)
        return true
      })
    }
    await refused({ kind: 'time', at: Date.parse(first.at) - 1 }, /nothing is as old as[\s\S]*What it has is from/)
    await refused({ kind: 'offset', offset: end + 1 }, /ends at offset/)
    await refused({ kind: 'offset', offset: (first.offset ?? 1) - 1 }, /no base is as old as offset/)
    await refused({ kind: 'base', id: 'none' }, /has no base none/)
    await refused({ kind: 'point', name: 'none' }, /has none of that name/)
  })

  await t.test('a missing segment is a hole that says where it is', async () => {
    const boundary = second.offset ?? 0
    for (const { key, from } of timeline.segments) if (from < boundary) await archived.store.remove(key)
    const [left] = (await archived.shard()).timelines
    assert.ok(left)
    // A segment that was closed before the base was heard of goes across it.
    const goesOnAt = Math.min(...left.segments.map(({ from }) => from))
    assert.ok(goesOnAt >= boundary && goesOnAt < end)
    await assert.rejects(
      async () => {
        for await (const _run of readStream(reading, {
          timeline: left,
          from: first.offset ?? 0,
          db: first.db,
          to: end,
        }));
      },
      new RegExp(`it has a hole: offsets ${first.offset} to ${goesOnAt} are not in the store`),
    )
  })
})
