// Objects on their way to the store: in order, once each, also when the store is away, the disk is small, or we are killed.

import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { Outbox, type OutboxOptions } from '../src/archive/outbox.ts'
import { openStorage, type Store } from '../src/archive/store/storage.ts'
import { systemClock, type Clock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { until } from '../lab/until.ts'

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
  away: boolean // does the store fail
  make(): Outbox
}

async function prepare(t: TestContext, spoolBytes = 1_000 * MIB): Promise<Fixture> {
  const dir = mkdtempSync(join(tmpdir(), 'respite-outbox-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const real = await openStorage(`file://${dir}/store`, { clock: systemClock })
  t.after(() => real.close())
  const order: string[] = []
  const store: Store = {
    ...real,
    put: (key, bytes) => (fixture.away ? Promise.reject(new Error('the store is away')) : real.put(key, bytes)),
  }
  const options = { store, dir: join(dir, 'spool'), spoolBytes, clock: HURRIED, log: silentLog }
  const fixture: Fixture = { options, store: real, order, away: false, make: () => new Outbox(options) }
  return fixture
}

const KEYS = Array.from({ length: 20 }, (_, at) => `orders/stream/${String(at).padStart(3, '0')}`)

async function contents(store: Store): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { key } of store.list('orders/'))
    found[key] = Buffer.from((await store.getAll(key, MIB)) ?? []).toString()
  return found
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
