// Disks that fail under a server: full, frozen. The disks are small and made for the test, in a mount namespace of its
// own; where they cannot be made the test is skipped and says so.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { reasonOf } from '../src/lib/fault.ts'
import { openConnection, type Connection } from '../src/redis/connection.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { inOwnNamespace } from './own-namespace.ts'
import { seenInTime, watched } from './watched.ts'

function tests(): void {
  test('a disk that is full when saving: MISCONF, and all is well after room was made and a save worked', async (t) => {
    const disk = tmpfs('2m')
    const { server, admin } = await startOn(t, disk, { conf: ['save 900 1', 'rdbcompression no'] })
    const watching = await watched(t, server)
    const before = await watching.reservedId()
    await admin.send('DEBUG', 'POPULATE', '3000', 'key', '1500')
    await admin.send('BGSAVE')
    assert.match((await watching.sees('misconf')).text ?? '', /^MISCONF .*RDB snapshots/)
    assert.equal(await watching.info('rdb_last_bgsave_status'), 'err')
    run('mount', '-o', 'remount,size=20m', disk)
    await admin.send('BGSAVE')
    await watching.recovers()
    assert.equal(await watching.reservedId(), before)
  })

  test('a disk that is full when appending: MISCONF by the append-only file', async (t) => {
    const disk = tmpfs('2m')
    const { server, admin } = await startOn(t, disk, { conf: ['appendonly yes', 'appendfsync everysec'] })
    const watching = await watched(t, server)
    const value = 'x'.repeat(120_000)
    for (let at = 0; at < 30; at += 1) await admin.send('SET', `key:${at}`, value).catch(() => undefined) // until MISCONF
    assert.match((await watching.sees('misconf')).text ?? '', /^MISCONF Errors writing to the AOF file/)
    assert.equal(await watching.info('aof_last_write_status'), 'err')
    run('mount', '-o', 'remount,size=20m', disk)
    await watching.recovers() // by itself, within a second
  })

  test('a server that waits on its disk is told from one that is stopped', async (t) => {
    const disk = loopDisk(t)
    if (disk === undefined) return
    const { server, admin } = await startOn(t, disk, { conf: ['appendonly yes', 'appendfsync always'] })
    const watching = await watched(t, server)
    const before = await watching.reservedId()
    const thaw = await freeze(t, disk)
    const written = admin.send('SET', 'key', 'value')
    const { text } = await watching.sees('waiting-on-disk')
    assert.match(text ?? '', new RegExp(`redis-server \\(pid ${server.pid}\\) is in state D`))
    await thaw()
    assert.equal(await written, 'OK')
    await watching.recovers()
    assert.equal(await watching.reservedId(), before)
  })

  for (const kind of GROUPS)
    test(`a container that is frozen (${kind.name}) looks like sleep or a disk, and is told as stopped`, async (t) => {
      const group = controlGroup(t, kind)
      if (group === undefined) return
      const server = await startServer()
      const watching = await watched(t, server)
      t.after(() => server.stop())
      const thaw = group.freeze(server.pid)
      const { text } = await watching.sees('stopped')
      assert.match(text ?? '', /is in state [SD], .*waits in (__refrigerator|do_freezer_trap|get_signal)/)
      thaw()
      await watching.recovers()
    })
}

function run(command: string, ...args: string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? undefined : (error?.message ?? stderr.trim())
}

function tmpfs(size: string): string {
  const disk = makeFolder('disk')
  assert.equal(run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk), undefined)
  return disk
}

/** A disk of its own file system, which can be frozen; skips the test where there are no loop devices. */
function loopDisk(t: TestContext): string | undefined {
  const disk = makeFolder('disk')
  const image = join(makeFolder('image'), 'disk.img')
  const why =
    run('truncate', '-s', '32M', image) ?? run('mkfs.ext4', '-q', image) ?? run('mount', '-o', 'loop', image, disk)
  if (why === undefined) return disk
  t.skip(`no file system in a loop device here: ${why}`)
  return undefined
}

/** A server whose data is on that disk, and a way in for us; both end, and the disk goes, with the test. */
async function startOn(
  t: TestContext,
  disk: string,
  options: StartOptions,
): Promise<{ server: Server; admin: Connection }> {
  const server = await startServer({ ...options, debug: true, conf: [...(options.conf ?? []), `dir ${disk}`] })
  const admin = await openConnection({ ...server, timeoutMs: 20_000, name: 'admin' })
  t.after(async () => {
    admin.close()
    await server.stop()
    assert.equal(run('umount', disk), undefined)
  })
  return { server, admin }
}

/** Freezes the file system until the returned function is called, or this process ends in whatever way. */
async function freeze(t: TestContext, disk: string): Promise<() => Promise<void>> {
  const holder = spawn('sh', ['-c', 'fsfreeze -f "$1" && echo frozen; read -r _; fsfreeze -u "$1"', 'sh', disk])
  const thaw = async (): Promise<void> => {
    if (holder.exitCode !== null) return
    holder.stdin.end()
    await once(holder, 'exit')
  }
  t.after(thaw)
  assert.equal(String((await once(holder.stdout, 'data'))[0]), 'frozen\n')
  return thaw
}

interface GroupKind {
  readonly name: string
  readonly roots: readonly string[] // where such groups may be; one that has `mark` is used
  readonly mark: string
  readonly file: string
  readonly frozen: string
  readonly thawed: string
}

const GROUPS: readonly GroupKind[] = [
  {
    name: 'control group, version 1',
    roots: ['/sys/fs/cgroup/freezer'],
    mark: 'cgroup.clone_children',
    file: 'freezer.state',
    frozen: 'FROZEN',
    thawed: 'THAWED',
  },
  {
    name: 'control group, version 2',
    roots: ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'],
    mark: 'cgroup.controllers',
    file: 'cgroup.freeze',
    frozen: '1',
    thawed: '0',
  },
]

/** A new control group that can freeze a process; skips the test where we may not make one. */
function controlGroup(t: TestContext, kind: GroupKind): { freeze(pid: number): () => void } | undefined {
  const root = kind.roots.find((path) => existsSync(join(path, kind.mark)))
  const group = join(root ?? '', `respite-test-${process.pid}`)
  try {
    if (root === undefined) throw new Error(`there is no ${kind.name}`)
    mkdirSync(group)
  } catch (error) {
    t.skip(`cannot freeze here: ${reasonOf(error)}`)
    return undefined
  }
  const release = (pid: number): void => {
    if (!existsSync(group)) return
    writeFileSync(join(group, kind.file), kind.thawed)
    writeFileSync(join(root ?? '', 'cgroup.procs'), String(pid))
    rmdirSync(group)
  }
  return {
    freeze(pid) {
      t.after(() => release(pid))
      writeFileSync(join(group, 'cgroup.procs'), String(pid))
      writeFileSync(join(group, kind.file), kind.frozen)
      return () => release(pid)
    },
  }
}

if (inOwnNamespace(import.meta.filename, 'mount')) {
  nothingLeftAfterwards()
  seenInTime()
  tests()
}
