// One archiver at a time: who has the lease, who gets it when its holder dies, and who must stop.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { makeFolder, spawnChild } from '../lab/children.ts'
import { startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { takeLease, type Lease } from '../src/archive/lease.ts'
import { keysOf } from '../src/archive/keys.ts'
import { openStorage, type Store } from '../src/archive/store/storage.ts'
import { systemClock, type Clock } from '../src/lib/clock.ts'
import { Fault } from '../src/lib/fault.ts'
import { silentLog } from '../src/lib/log.ts'
import { RESPITE } from './daemon-process.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const KEYS = keysOf('orders')
// A minute in six seconds: a sign of life must still have time to reach a slow disk.
const HURRIED: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() * 10,
  after: (delayMs, run) => systemClock.after(delayMs / 10, run),
}

async function openFolder(t: TestContext): Promise<Store> {
  const dir = mkdtempSync(join(tmpdir(), 'respite-lease-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const store = await openStorage(`file://${dir}`, { clock: systemClock })
  t.after(() => store.close())
  return store
}

interface Taken {
  readonly lease: Lease
  readonly lost: Fault[]
}

async function take(t: TestContext, store: Store, archiver: string, clock = HURRIED): Promise<Taken> {
  const lost: Fault[] = []
  const lease = await takeLease({
    store,
    keys: KEYS,
    archiver,
    clock,
    log: silentLog,
    onLost: (why) => void lost.push(why),
    signal: new AbortController().signal,
  })
  assert.ok(lease !== undefined)
  t.after(() => lease.release())
  return { lease, lost }
}

suite('the lease', { concurrency: 3 }, () => {
  test('a second archiver is refused while the first one lives, and told who that is', async (t) => {
    const store = await openFolder(t)
    const first = await take(t, store, 'one')
    await assert.rejects(take(t, store, 'two'), (error) => {
      assert.ok(error instanceof Fault)
      assert.match(
        error.toText(),
        new RegExp(`another archiver writes to it: one on .+, process ${process.pid} \\(epoch 0000000001\\)`),
      )
      assert.equal(error.exit, 1)
      return true
    })
    await first.lease.release()
    const second = await take(t, store, 'two')
    assert.equal(second.lease.epoch, 2)
    assert.deepEqual(first.lost, [])
  })

  test('the same archiver comes back at once, and whoever still runs under its name stops', async (t) => {
    const store = await openFolder(t)
    const first = await take(t, store, 'one')
    const again = await take(t, store, 'one')
    assert.equal(again.lease.epoch, 2)
    await until('the first one hears of it', () => first.lost.length > 0)
    assert.match(first.lost[0]?.why ?? '', /another archiver writes to it: one/)
  })

  test('a process that stood still for longer than that has looked once, and finds who lives alive', async (t) => {
    const store = await openFolder(t)
    const first = await take(t, store, 'one')
    const stalls: Clock = {
      ...HURRIED,
      after: (delayMs, run) => {
        stalledMs += 60_000
        return HURRIED.after(delayMs, run)
      },
      monotonic: () => HURRIED.monotonic() + stalledMs,
    }
    let stalledMs = 0
    await assert.rejects(take(t, store, 'two', stalls), /another archiver writes to it: one/)
    assert.deepEqual(first.lost, [])
  })

  test('a dead holder is waited out', async (t) => {
    const store = await openFolder(t)
    await store.create(KEYS.lease(7), Buffer.from('{"archiver":"dead"}'))
    await store.put(KEYS.alive(7), Buffer.from('{"epoch":7,"signs":12}'))
    const { lease } = await take(t, store, 'two')
    assert.equal(lease.epoch, 8)
  })

  test('of several that come at once, one gets it', async (t) => {
    const store = await openFolder(t)
    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((name) => take(t, store, name)))
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    assert.equal(won.length, 1)
  })

  test('a second `respite archive` on the same store says who was first, and ends with 1; the first one goes on', async (t) => {
    const server = await startServer({ conf: ['repl-diskless-sync-delay 0'] })
    t.after(() => server.stop())
    const [store, data, other] = [makeFolder('store'), makeFolder('data'), makeFolder('data')]
    const words = ['archive', server.url, '--name', 'orders', '--to', `file://${store}`, '--data']
    const first = await spawnChild(RESPITE, [...words, data], { name: 'archiver', dir: data })
    t.after(async () => {
      first.kill('SIGTERM')
      assert.equal(await first.exited, 'exit 0')
    })
    const printed = (): string => readFileSync(join(data, 'output.log'), 'utf8')
    await until('the first one archives', () => /archives orders to/.test(printed()), { timeoutMs: 60_000 })
    const second = await new Promise<{ exit: unknown; err: string }>((resolve) => {
      execFile(RESPITE, [...words, other], (error, _out, err) => resolve({ exit: error?.code, err }))
    })
    assert.equal(second.exit, 1)
    assert.match(second.err, new RegExp(`another archiver writes to it: .+ process ${first.pid} `))
    assert.match(second.err, /one deployment has one archiver: stop the other one, or give this one another store/)
    assert.ok(first.running)
  })
})
