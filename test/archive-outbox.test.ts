// Objects on their way to the store: in order, once each, also when the store is away, the disk is small, or we are killed.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { showSegmentName } from '../src/archive/keys.ts'
import { Outbox, type OutboxOptions } from '../src/archive/outbox.ts'
import { openStorage, type Store } from '../src/archive/store/storage.ts'
import { systemClock, type Clock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { until } from '../lab/until.ts'
import { gated } from './archiving.ts'

const MIB = 1024 * 1024
const HURRIED: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() * 50,
  after: (delayMs, run) => systemClock.after(delayMs / 50, run),
}

interface Fixture {
  readonly options: OutboxOptions
  readonly store: Store
  readonly order: string[] // keys, as they became durable
  readonly lost: (readonly string[])[] // keys, as they were told
  away: boolean // does the store fail
  make(): Outbox
}

async function prepare(t: TestContext, spoolBytes = 1_000 * MIB): Promise<Fixture> {
  const dir = mkdtempSync(join(tmpdir(), 'respite-outbox-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const real = await openStorage(`file://${dir}/store`, { clock: systemClock })
  t.after(() => real.close())
  const order: string[] = []
  const store = gated(real, async () => {
    if (fixture.away) throw new Error('the store is away')
  })
  const onLost = (keys: readonly string[]): { key: string; bytes: Buffer }[] => {
    fixture.lost.push(keys)
    return [{ key: `orders/instead-of-${keys.length}`, bytes: Buffer.from('a gap') }]
  }
  const options = { store, dir: join(dir, 'spool'), spoolBytes, clock: HURRIED, log: silentLog, onLost }
  const fixture: Fixture = { options, store: real, order, lost: [], away: false, make: () => new Outbox(options) }
  return fixture
}

const KEYS = Array.from({ length: 20 }, (_, at) => `orders/stream/${String(at).padStart(3, '0')}`)

async function contents(store: Store): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { key } of store.list('orders/'))
    found[key] = Buffer.from((await store.getAll(key, MIB)) ?? []).toString()
  return found
}

/** A segment, whose name has the hash of its bytes. */
function segmentAt(at: number): { readonly key: string; readonly bytes: Buffer } {
  const bytes = Buffer.from(`bytes of ${at}`)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const name = { from: at * 10, to: at * 10 + 10, fromTime: 0, toTime: 0, db: 0, sha256, sealed: 'zst' } as const
  return { key: `orders/stream/${showSegmentName(name)}`, bytes }
}

const EXPECTED = Object.fromEntries(KEYS.map((key) => [key, `bytes of ${key}`]))

suite('the outbox', () => {
  test('while the store keeps up, nothing touches the disk', async (t) => {
    const fixture = await prepare(t)
    const outbox = fixture.make()
    for (const key of KEYS) outbox.add(key, Buffer.from(`bytes of ${key}`), () => fixture.order.push(key))
    await outbox.empty()
    assert.deepEqual(fixture.order, KEYS)
    assert.deepEqual(await contents(fixture.store), EXPECTED)
    assert.throws(() => statSync(fixture.options.dir), /ENOENT/)
    await outbox.stop()
  })

  test('while it is away they wait, on disk after a while, and go in order when it is back', async (t) => {
    const fixture = await prepare(t)
    const outbox = fixture.make()
    fixture.away = true
    for (const key of KEYS) outbox.add(key, Buffer.from(`bytes of ${key}`), () => fixture.order.push(key))
    await until('they are on disk', () => outbox.state.spoolBytes > 0 && outbox.state.memoryBytes === 0)
    assert.match(outbox.state.trouble ?? '', /the store is away/)
    assert.ok(outbox.state.oldestMs > 0)
    assert.equal(statSync(fixture.options.dir).mode & 0o777, 0o700)
    for (const name of readdirSync(fixture.options.dir))
      assert.equal(statSync(join(fixture.options.dir, name)).mode & 0o777, 0o600)
    assert.deepEqual(fixture.order, [])
    fixture.away = false
    await outbox.empty()
    assert.deepEqual(fixture.order, KEYS)
    assert.deepEqual(await contents(fixture.store), EXPECTED)
    assert.deepEqual(readdirSync(fixture.options.dir), [])
    assert.deepEqual([outbox.state.spoolBytes, outbox.state.trouble], [0, undefined])
    await outbox.stop()
  })

  test('what was on disk goes on after a restart, before what is new; halves are swept', async (t) => {
    const fixture = await prepare(t)
    const before = fixture.make()
    fixture.away = true
    for (const key of KEYS.slice(0, 10))
      before.add(key, Buffer.from(`bytes of ${key}`), () => assert.fail('not durable'))
    await before.stop()
    const outbox = fixture.make()
    fixture.away = false
    const recovered = await outbox.recover((key) => fixture.order.push(key))
    assert.deepEqual(recovered, KEYS.slice(0, 10))
    for (const key of KEYS.slice(10)) outbox.add(key, Buffer.from(`bytes of ${key}`), () => fixture.order.push(key))
    await outbox.empty()
    assert.deepEqual(fixture.order, KEYS)
    assert.deepEqual(await contents(fixture.store), EXPECTED)
    await outbox.stop()
  })

  test('when memory and spool are full it says so, and takes more when there is room again', async (t) => {
    const fixture = await prepare(t, 3 * MIB)
    const outbox = fixture.make()
    fixture.away = true
    for (let at = 0; at < 36; at += 1) outbox.add(`orders/${at}`, Buffer.alloc(MIB), () => undefined)
    await until('it is full', () => outbox.state.full)
    assert.ok(outbox.state.spoolBytes <= 3 * MIB)
    let room = false
    const waiting = outbox.room()?.then(() => (room = true))
    assert.equal(room, false)
    fixture.away = false
    await waiting
    await outbox.empty()
    assert.equal(outbox.room(), undefined)
    await outbox.stop()
  })

  test('what was removed from the spool or damaged there stops nothing: something goes in its place', async (t) => {
    const fixture = await prepare(t)
    const outbox = fixture.make()
    fixture.away = true
    const segments = Array.from({ length: 6 }, (_, at) => segmentAt(at))
    const [document = ''] = KEYS
    const told: string[] = []
    for (const { key, bytes } of segments)
      outbox.add(
        key,
        bytes,
        () => told.push(`durable ${key}`),
        () => told.push(`lost ${key}`),
      )
    outbox.add(document, Buffer.from('a document'), () => told.push(`durable ${document}`))
    await until('they are on disk', () => outbox.state.spoolBytes > 0 && outbox.state.memoryBytes === 0)
    const { dir } = fixture.options
    const files = readdirSync(dir).toSorted()
    for (const at of [1, 2, 6]) rmSync(join(dir, files[at] ?? ''))
    truncateSync(join(dir, files[4] ?? ''), 200)
    fixture.away = false
    await outbox.empty()
    const keys = segments.map(({ key }) => key)
    assert.deepEqual(fixture.lost, [[keys[1], keys[2]], [keys[4]]])
    const ends = ['durable', 'lost', 'lost', 'durable', 'lost', 'durable'].map((end, at) => `${end} ${keys[at]}`)
    assert.deepEqual(told, [...ends, `durable ${document}`])
    const stored = await contents(fixture.store)
    assert.equal(stored[document], 'a document') // what is small is in memory, too
    assert.deepEqual(Object.keys(stored).toSorted(), [
      'orders/instead-of-1',
      'orders/instead-of-2',
      ...[document, ...keys.filter((_, at) => [0, 3, 5].includes(at))].toSorted(),
    ])
    assert.deepEqual([outbox.state.spoolBytes, outbox.state.memoryBytes, outbox.state.trouble], [0, 0, undefined])
    assert.deepEqual(readdirSync(dir), [])
    await outbox.stop()
  })

  test('what another process has carried from the same spool is not lost', async (t) => {
    const fixture = await prepare(t)
    const first = fixture.make()
    fixture.away = true
    const segments = Array.from({ length: 3 }, (_, at) => segmentAt(at))
    for (const { key, bytes } of segments) first.add(key, bytes, () => undefined)
    await first.stop()
    const outbox = fixture.make()
    await outbox.recover((key) => fixture.order.push(key))
    for (const { key, bytes } of segments) await fixture.store.put(key, bytes)
    for (const name of readdirSync(fixture.options.dir)) rmSync(join(fixture.options.dir, name))
    fixture.away = false
    await outbox.empty()
    assert.deepEqual([fixture.lost, fixture.order], [[], segments.map(({ key }) => key)])
    await outbox.stop()
  })

  test('a spool that cannot be written is said, and what is in memory is not lost by it', async (t) => {
    const fixture = await prepare(t)
    const file = fixture.options.dir
    rmSync(file, { recursive: true, force: true })
    await import('node:fs/promises').then(({ writeFile }) => writeFile(file, 'not a folder'))
    chmodSync(file, 0o400)
    const outbox = fixture.make()
    fixture.away = true
    for (const key of KEYS) outbox.add(key, Buffer.from(`bytes of ${key}`), () => fixture.order.push(key))
    await until('the trouble is known', () => outbox.state.trouble?.includes('the spool') === true)
    fixture.away = false
    await outbox.empty()
    assert.deepEqual(fixture.order, KEYS)
    await outbox.stop()
  })
})
