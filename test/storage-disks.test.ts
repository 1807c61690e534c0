// Disks that fail under a `file:` store: full, read-only, taken away. They are small and made for the test, in a mount
// namespace of its own; where they cannot be made the tests are skipped and say so.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { makeFolder } from '../lab/children.ts'
import { openStorage, type Store } from '../src/archive/store/storage.ts'
import { systemClock } from '../src/lib/clock.ts'
import { Fault } from '../src/lib/fault.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { inOwnNamespace } from './own-namespace.ts'

const MIB = 2 ** 20
const some = Buffer.from('some')

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`)
}

async function diskOf(t: TestContext, size: string): Promise<{ disk: string; store: Store }> {
  const disk = join(makeFolder('disks'), 'disk')
  mkdirSync(disk)
  run('mount', '-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', disk)
  t.after(() => run('umount', '-l', disk))
  return { disk, store: await openStorage(pathToFileURL(disk).href, { clock: systemClock }) }
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const thrown = await promise.then(
    () => assert.fail('it went well'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof Fault, String(thrown))
  return thrown
}

async function* zeros(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += MIB) yield Buffer.alloc(MIB)
}

function tests(): void {
  test('a full disk is said at once, leaves nothing half, and is no end: with room it goes on', async (t) => {
    const { disk, store } = await diskOf(t, '12m')
    await store.put('kept', Buffer.alloc(4 * MIB))
    assert.ok(((await store.check()).freeBytes ?? 0) < 9 * MIB)
    for (const use of [
      () => store.put('a/large', Buffer.alloc(10 * MIB)),
      () => store.create('a/large', Buffer.alloc(10 * MIB)),
      () => store.putStream('a/large', zeros(30 * MIB)),
    ] satisfies (() => Promise<unknown>)[]) {
      const { why, hint, retryable } = await faultOf(use())
      assert.match(why, /the disk is full \(ENOSPC\)$/)
      assert.match(hint ?? '', /Make room/)
      assert.ok(retryable)
    }
    assert.deepEqual(
      (await Array.fromAsync(store.list(''))).map(({ key }) => key),
      ['kept'],
    )
    assert.deepEqual(readdirSync(join(disk, '.respite')), [])
    run('mount', '-o', 'remount,size=40m', disk)
    assert.equal(await store.putStream('a/large', zeros(20 * MIB)), 20 * MIB)
  })

  test('a disk that is mounted read-only can be read', async (t) => {
    const { disk, store } = await diskOf(t, '4m')
    await store.put('a', some)
    run('mount', '-o', 'remount,ro', disk)
    for (const use of [
      () => store.put('b', some),
      () => store.create('b', some),
      () => store.remove('a'),
      () => store.check(),
    ] satisfies (() => Promise<unknown>)[]) {
      const { why, retryable } = await faultOf(use())
      assert.match(why, /read-only \(EROFS\)/)
      assert.equal(retryable, false)
    }
    assert.equal((await store.getAll('a', 10))?.length, some.length)
    assert.equal((await Array.fromAsync(store.list(''))).length, 1)
  })

  test('a disk that is unmounted under the store is missed, what lay below it stays empty, and it may come back', async (t) => {
    const { disk, store } = await diskOf(t, '4m')
    await store.put('a/b', some)
    const kept = join(makeFolder('disks'), 'kept')
    mkdirSync(kept)
    run('mount', '--move', disk, kept)
    for (const use of [
      () => store.put('a/c', some),
      () => store.getAll('a/b', 10),
      () => store.check(),
    ] satisfies (() => Promise<unknown>)[]) {
      const { why, hint, retryable } = await faultOf(use())
      assert.match(why, /the store that was there is gone/)
      assert.match(hint ?? '', /Mount its disk/)
      assert.ok(retryable)
    }
    assert.deepEqual(readdirSync(disk), [])
    run('mount', '--move', kept, disk)
    await store.put('a/c', some)
    assert.deepEqual(
      (await Array.fromAsync(store.list('a/'))).map(({ key }) => key),
      ['a/b', 'a/c'],
    )
  })
}

if (inOwnNamespace(import.meta.filename, 'mount')) {
  nothingLeftAfterwards()
  tests()
}
