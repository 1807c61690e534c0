// The folder of a `file:` store: who may look into it, when it is made and when that would be a mistake, and what a
// crash leaves behind.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../lib/clock.ts'
import type { Fault } from '../../lib/fault.ts'
import { openStorage, type StorageOptions, type Store } from './storage.ts'
import { unmountedAbove } from './unmounted.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'respite-store-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const openAt = (path: string, more: Partial<StorageOptions> = {}): Promise<Store> =>
  openStorage(pathToFileURL(path).href, { clock: systemClock, ...more })

const some = Buffer.from('some')
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

test('only our user may look into folders and files, whatever the umask', async (t) => {
  const root = join(newFolder(t), 'store')
  const before = process.umask(0)
  t.after(() => process.umask(before))
  for (const umask of [0, 0o277]) {
    process.umask(umask)
    const store = await openAt(root)
    await store.put(`${umask}/a/b`, some)
    await store.create(`${umask}/a/c`, some)
    await store.putStream(`${umask}/a/d`, (async function* () {})())
    assert.deepEqual(
      ['', '.respite', `${umask}`, `${umask}/a`].map((path) => modeOf(join(root, path))),
      ['700', '700', '700', '700'],
    )
    for (const name of ['b', 'c', 'd']) assert.equal(modeOf(join(root, `${umask}/a/${name}`)), '600')
  }
})

test('the check warns of a folder that others can look into', async (t) => {
  const root = join(newFolder(t), 'store')
  mkdirSync(root, { mode: 0o755 })
  assert.match((await (await openAt(root)).check()).warnings.join(), /Others .* chmod 700/)
})

test('only the last folder is made, and only to write', async (t) => {
  const folder = newFolder(t)
  const store = await openAt(join(folder, 'store'))
  await assert.rejects(Array.fromAsync(store.list('')), /there is no such folder/)
  await assert.rejects(store.getAll('a', 1), /there is no such folder/)
  await assert.rejects(store.remove('a'), /there is no such folder/)
  assert.deepEqual(readdirSync(folder), [])
  await store.put('a', some)
  assert.deepEqual(readdirSync(join(folder, 'store')), ['.respite', 'a'])
  const lost = await openAt(join(folder, 'not-mounted', 'store'))
  await assert.rejects(lost.put('a', some), (fault: Fault) => {
    assert.match(fault.toText(), /there is no folder .*not-mounted\n.*Mount its disk/)
    return fault.retryable
  })
  await assert.rejects(lost.check(), /there is no folder .*not-mounted/)
})

test('a store that vanishes while we write is not begun anew in the folder that remains', async (t) => {
  const root = join(newFolder(t), 'mount')
  const store = await openAt(root)
  await store.put('deep/a', some)
  rmSync(root, { recursive: true })
  await assert.rejects(store.put('deep/b', some), /the store that was there is gone/)
  mkdirSync(root) // as after umount
  await assert.rejects(store.put('deep/b', some), /the store that was there is gone/)
  await assert.rejects(store.getAll('deep/a', 10), /the store that was there is gone/)
  await assert.rejects(Array.fromAsync(store.list('')), /the store that was there is gone/)
  assert.deepEqual(readdirSync(root), [])
})

test('who knows that the store was written to before is not content with an empty folder', async (t) => {
  const root = newFolder(t)
  const again = await openAt(root, { mustExist: true })
  await assert.rejects(again.put('a', some), /the store that was there is gone/)
  await assert.rejects(Array.fromAsync(again.list('')), /the store that was there is gone/)
  assert.deepEqual(readdirSync(root), [])
  await (await openAt(root)).put('a', some)
  await again.put('b', some)
  assert.deepEqual(
    (await Array.fromAsync(again.list(''))).map(({ key }) => key),
    ['a', 'b'],
  )
})

test('a mount point of /etc/fstab where nothing is mounted is told', async (t) => {
  const folder = newFolder(t)
  const files = { fstab: join(folder, 'fstab'), mounts: join(folder, 'mounts') }
  writeFileSync(files.fstab, '# a disk\nUUID=1 / ext4\nUUID=2 /mnt/back\\040up ext4 defaults 0 2\nUUID=3 none swap\n')
  writeFileSync(files.mounts, '/dev/sda / ext4 rw 0 0\n')
  assert.equal(await unmountedAbove('/mnt/back up/redis', files), '/mnt/back up')
  assert.equal(await unmountedAbove('/mnt/back up', files), '/mnt/back up')
  assert.equal(await unmountedAbove('/mnt/other', files), undefined)
  writeFileSync(files.mounts, '/dev/sda / ext4 rw 0 0\n/dev/sdb /mnt/back\\040up ext4 rw 0 0\n')
  assert.equal(await unmountedAbove('/mnt/back up/redis', files), undefined)
  assert.equal(await unmountedAbove('/mnt/x', { fstab: join(folder, 'none'), mounts: join(folder, 'none') }), undefined)
})

test('what was half written is not listed, and is swept when it is older than a day', async (t) => {
  const root = newFolder(t)
  const store = await openAt(root)
  await store.put('a', some)
  for (const [name, ageHours] of Object.entries({ 'draft-old': 25, 'draft-young': 23, 'probe-old': 48 })) {
    const path = join(root, '.respite', name)
    writeFileSync(path, 'half')
    utimesSync(path, new Date(), new Date(Date.now() - ageHours * 3_600_000))
  }
  assert.deepEqual(
    (await Array.fromAsync(store.list(''))).map(({ key }) => key),
    ['a'],
  )
  assert.equal(await store.sweep(), 2)
  assert.deepEqual(readdirSync(join(root, '.respite')), ['draft-young'])
})

test('folders that became empty go with their last object', async (t) => {
  const root = newFolder(t)
  const store = await openAt(root)
  await store.put('a/b/c/d', some)
  await store.put('a/x', some)
  await store.remove('a/b/c/d')
  assert.deepEqual(readdirSync(join(root, 'a')), ['x'])
  await store.remove('a/x')
  assert.deepEqual(readdirSync(root), ['.respite'])
})

test('an object is stored although its folder is tidied away again and again', async (t) => {
  const store = await openAt(newFolder(t))
  const both = Array.from({ length: 200 }, async (_none, at) => {
    await store.put(`deep/down/${at}`, some)
    await store.remove(`deep/down/${at}`)
  })
  await Promise.all(both)
  assert.deepEqual(await Array.fromAsync(store.list('')), [])
})

test('a symbolic link leads nobody out of the store', async (t) => {
  const [root, outside] = [newFolder(t), newFolder(t)]
  writeFileSync(join(outside, 'secret'), 'secret')
  const store = await openAt(root)
  await store.put('a', some)
  symlinkSync(outside, join(root, 'way'))
  symlinkSync(join(outside, 'secret'), join(root, 'link'))
  await assert.rejects(store.put('way/new', some), /leads out of it/)
  await assert.rejects(store.getAll('way/secret', 10), /leads out of it/)
  await assert.rejects(store.remove('way/secret'), /leads out of it/)
  await assert.rejects(store.getAll('link', 10), /symbolic link/)
  assert.deepEqual(
    (await Array.fromAsync(store.list(''))).map(({ key }) => key),
    ['a'],
  )
  assert.deepEqual(readdirSync(outside), ['secret'])
})

test('a key cannot be a folder and an object', async (t) => {
  const store = await openAt(newFolder(t))
  await store.put('a/b', some)
  await store.put('c', some)
  await assert.rejects(store.put('a', some), (fault: Fault) => !fault.retryable && /EISDIR/.test(fault.why))
  await assert.rejects(store.put('c/d', some), (fault: Fault) => !fault.retryable && /ENOTDIR/.test(fault.why))
})
