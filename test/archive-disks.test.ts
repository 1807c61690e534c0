// The disk of a `file:` store fills up under an archive: what comes meanwhile waits in the spool, and is there once there is
// room. In a mount namespace of its own.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomBytes } from 'node:crypto'
import { makeFolder } from '../lab/children.ts'
import { startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { openStorage } from '../src/archive/store/storage.ts'
import { systemClock } from '../src/lib/clock.ts'
import { archive, assertNoSilentHole, latest, layOut, stored } from './archiving.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { inOwnNamespace } from './own-namespace.ts'
import { assertSameDataset } from './same-dataset.ts'

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`)
}

function tests(): void {
  test('a full disk stops nothing: the spool has it, and then the store', async (t) => {
    const disk = join(makeFolder('disks'), 'disk')
    mkdirSync(disk)
    run('mount', '-t', 'tmpfs', '-o', 'size=16m,mode=700', 'tmpfs', disk)
    t.after(() => run('umount', '-l', disk))
    const server = await startServer({ debug: true })
    t.after(() => server.stop())
    const store = await openStorage(`file://${disk}`, { clock: systemClock })
    t.after(() => store.close())
    const archived = await archive(t, store, { servers: () => [server], baseEveryMs: 2_000 })
    const status = (): ReturnType<typeof archived.archiver.status>[number] | undefined => archived.archiver.status()[0]
    await until('it streams', () => status()?.replayable === true)
    const ballast = join(disk, 'ballast')
    const left = spawnSync('df', ['--output=avail', '-B1', disk], { encoding: 'utf8' }).stdout.split('\n')[1]
    writeFileSync(ballast, Buffer.alloc(Number(left) - 256 * 1024))
    for (let at = 0; at < 30; at += 1) await server.cli('SET', `key:${at}`, randomBytes(40_000).toString('hex'))
    await until('the spool has taken over', () => (status()?.outbox.spoolBytes ?? 0) > 0)
    assert.match(status()?.outbox.trouble ?? '', /the disk is full/)
    assert.equal(status()?.link, 'streaming')
    rmSync(ballast)
    await stored(archived, server)
    await until('the spool is empty', () => status()?.outbox.waiting === 0)
    await archived.stop()
    const timeline = await latest(store)
    assertNoSilentHole(timeline)
    assert.equal(timeline.stretches.length, 1)
    for (const base of [timeline.bases[0], timeline.bases.at(-1)])
      await assertSameDataset(await layOut(t, store, timeline, base ?? assert.fail()), server)
  })
}

if (inOwnNamespace(import.meta.filename, 'mount')) {
  nothingLeftAfterwards()
  tests()
}
