// An archive is good, or it is said what is not: whichever byte was flipped, whichever object is gone.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { readCatalog, type StoredSegment } from '../src/archive/catalog.ts'
import { cover } from '../src/archive/stretches.ts'
import { verifyArchive, type Verified, type VerifyOptions } from '../src/archive/verify.ts'
import { systemClock } from '../src/lib/clock.ts'
import { startArchived, type Archived } from './archived.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

interface Key {
  readonly recipient: string
  readonly identity: string
}

function makeKey(): Key {
  const text = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return { recipient: /age1\w+/.exec(text)?.[0] ?? '', identity: /AGE-SECRET-KEY-\w+/.exec(text)?.[0] ?? '' }
}

/** A finished archive of two bases, with segments that overlap. */
async function archiveOf(t: TestContext, recipients: readonly string[]): Promise<Archived> {
  const server = await startServer({ conf: ['databases 32', 'repl-diskless-sync-delay 0'] })
  t.after(() => server.stop())
  const archived = await startArchived(t, server, { recipients })
  const flood = await startFlood({ server, pauseMs: 20 })
  await until('something flows', () => flood.sent > 1_000)
  await archived.takeBase()
  await until('more flows', () => flood.sent > 2_500)
  await flood.stop()
  await archived.caughtUp()
  const small = (await archived.shard()).timelines[0]?.segments ?? []
  const kept = await Promise.all(
    small.map(async ({ key }) => ({ key, bytes: await archived.store.getAll(key, 2 ** 26) })),
  )
  await archived.stop()
  for (const { key, bytes } of kept.slice(-2)) await archived.store.put(key, bytes ?? Buffer.alloc(0))
  return archived
}

async function verify({ store }: Archived, options: Partial<VerifyOptions> = {}): Promise<Verified> {
  const [archive] = await readCatalog(store)
  assert.ok(archive)
  const defaults = {
    identities: [],
    only: [],
    share: 1,
    record: false,
    clock: systemClock,
    onProgress: () => undefined,
  }
  return verifyArchive(archive, { store, ...defaults, ...options })
}

test('every byte of a plain archive counts', async (t) => {
  const archived = await archiveOf(t, [])
  const good = await verify(archived, { record: true })
  assert.deepEqual([good.bad, good.gaps, good.unfinished, good.proved], [[], [], [], 'plaintext'])
  assert.equal(good.bases.length, 2)
  const bases = (await archived.shard()).timelines[0]?.bases ?? []
  assert.ok(
    bases.every(({ verifiedAt }) => verifiedAt !== undefined),
    'the bases say that they were verified',
  )

  const keys: string[] = []
  for await (const { key } of archived.store.list('orders/')) keys.push(key)
  // A document that its writer gave no checksum can be damaged into another one that says as much.
  const summed = keys.filter(
    (key) => /\.(zst|age)$/.test(key) || /"checksum": /.test(readFileSync(join(archived.dir, key), 'latin1')),
  )
  assert.ok(summed.length >= 8, summed.join('\n'))
  const flip = fc.record({
    key: fc.constantFrom(...summed),
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    mask: fc.integer({ min: 1, max: 255 }),
  })
  await fc.assert(
    fc.asyncProperty(flip, async ({ key, place, mask }) => {
      const file = join(archived.dir, key)
      const bytes = readFileSync(file)
      const at = Math.min(bytes.length - 1, Math.floor(place * bytes.length))
      const damaged = Buffer.from(bytes)
      damaged.writeUInt8((bytes[at] ?? 0) ^ mask, at)
      writeFileSync(file, damaged)
      try {
        const { bad } = await verify(archived)
        assert.ok(
          bad.some((entry) => entry.key === key),
          `byte ${at} of ${key}`,
        )
      } finally {
        writeFileSync(file, bytes)
      }
    }),
    { numRuns: 60 },
  )
})

test('an object that is gone is missed; a segment that another one covers is not', async (t) => {
  const archived = await archiveOf(t, [])
  const [timeline] = (await archived.shard()).timelines
  assert.ok(timeline)
  let missed = 0
  for (const segment of timeline.segments) {
    const { key, from, to } = segment
    const rest: readonly StoredSegment[] = timeline.segments.filter((other) => other !== segment)
    const start: number = timeline.bases[0]?.offset ?? 0
    const last = Math.max(...rest.map((other) => other.to), timeline.bases.at(-1)?.offset ?? 0)
    const isMissed: boolean = (cover(rest, start, last).at(-1)?.to ?? start) < last // that the stream went on can be seen
    const file = join(archived.dir, key)
    const bytes = readFileSync(file)
    rmSync(file)
    const { gaps, bad } = await verify(archived)
    writeFileSync(file, bytes)
    assert.deepEqual(bad, [])
    assert.equal(gaps.length > 0, isMissed, `${from} to ${to}`)
    assert.ok(gaps.every(({ recorded }) => !recorded))
    missed += gaps.length
  }
  assert.ok(missed > 0)
  const [base] = timeline.bases
  assert.ok(base)
  rmSync(join(archived.dir, base.root, base.rdb.object))
  assert.match(
    (await verify(archived)).bad.map(({ key, why }) => `${key}: ${why}`).join('\n'),
    /base\.rdb\.zst: .*not there/,
  )
  rmSync(join(archived.dir, base.root, 'manifest.json'))
  assert.deepEqual((await verify(archived)).unfinished, [`${base.root}server.json.zst`])
})

test('without the key the ciphertext is proved, with it the data, and with another one it is said that it does not fit', async (t) => {
  const key = makeKey()
  const archived = await archiveOf(t, [key.recipient])
  const closed = await verify(archived)
  assert.deepEqual([closed.bad, closed.notOpened, closed.proved, closed.bases.length], [[], [], 'ciphertext', 2])
  const opened = await verify(archived, { identities: [key.identity] })
  assert.deepEqual([opened.bad, opened.notOpened, opened.proved, opened.bases.length], [[], [], 'plaintext', 2])
  const other = await verify(archived, { identities: [makeKey().identity] })
  assert.deepEqual([other.bad, other.proved, other.notOpened.length], [[], 'ciphertext', other.objects])

  const [base] = (await archived.shard()).timelines[0]?.bases ?? []
  assert.ok(base)
  const file = join(archived.dir, base.root, base.rdb.object)
  const bytes = readFileSync(file)
  for (const identities of [[], [key.identity]])
    for (const at of [5, 60, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const damaged = Buffer.from(bytes)
      damaged.writeUInt8((bytes[at] ?? 0) ^ 1, at)
      writeFileSync(file, damaged)
      const { bad } = await verify(archived, { identities })
      assert.deepEqual(
        bad.map((entry) => entry.key),
        [base.root + base.rdb.object],
      )
    }
  writeFileSync(file, bytes)
  const only = await verify(archived, { only: [base.id] })
  assert.deepEqual([only.objects, only.bases], [2, [base.id]])
  const sample = await verify(archived, { share: 0.25 })
  assert.ok(sample.objects < closed.objects)
  assert.deepEqual(sample.bases, [])
})
