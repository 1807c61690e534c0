// `backup.keep` in the daemon: what is not kept goes by itself, what is left can be restored to its last write, and a doubt
// about the clock stops the removing and nothing else.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { readCatalog, type DeploymentArchive } from '../src/archive/catalog.ts'
import { openStorage } from '../src/archive/store/storage.ts'
import { verifyArchive } from '../src/archive/verify.ts'
import { systemClock, type Clock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { makeNotices } from '../src/lib/notices.ts'
import type { ArchivedShard } from '../src/metrics/archive-series.ts'
import { startArchives } from '../src/start-archives.ts'
import { assertNoSilentHole } from './archiving.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { inOwnNamespace } from './own-namespace.ts'
import { watchUrl } from './watching.ts'

const ONLY_THE_NEWEST = { hourly: 0, daily: 0, weekly: 0, monthly: 0, streamMs: 2_000 }
const PATIENTLY = { timeoutMs: 60_000 }
const DAY_MS = 86_400_000

interface Kept {
  readonly said: () => string // all notices
  readonly dir: string
  readonly folder: string
  shard(): ArchivedShard | undefined
  archive(): Promise<DeploymentArchive>
  manifests(): string[]
  stop(): Promise<void>
}

interface KeepOptions {
  readonly clock?: Clock
  readonly dir?: string // where an earlier one kept it
}

/** Keeps the archive of a server as the daemon does, with a base every second. */
function keep(
  t: TestContext,
  server: Server,
  { clock = systemClock, dir = makeFolder('kept') }: KeepOptions = {},
): Kept {
  const [folder, dataDir] = [join(dir, 'store'), join(dir, 'data')]
  const fleet = watchUrl(t, server.url)
  const notices = makeNotices(systemClock, silentLog)
  const said: string[] = []
  notices.onNotice(({ text }) => void said.push(text))
  const backup = {
    to: `file://${folder}`,
    recipients: [],
    identities: [],
    attach: 'replica',
    everyMs: 1_000,
    keep: ONLY_THE_NEWEST,
    namespaces: [],
  } as const
  const options = { fleet, dataDir, clock, log: silentLog, notices, pruneEveryMs: 500 }
  const archives = startArchives([{ name: 'orders', backup }], options)
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => (stopping ??= archives.stop(5_000))
  t.after(async () => {
    await stop()
    rmSync(dir, { recursive: true, force: true })
  })
  return {
    said: () => said.join('\n'),
    dir,
    folder,
    shard: () => archives.shards('orders')[0],
    archive: async () => {
      const store = await openStorage(backup.to, { clock: systemClock })
      const [found] = await readCatalog(store, 'orders')
      store.close()
      return found ?? assert.fail('there is no archive')
    },
    manifests: () =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('/manifest.json')),
    stop,
  }
}

async function serverIn(t: TestContext): Promise<Server> {
  const server = await startServer({ conf: ['repl-diskless-sync-delay 0'] })
  t.after(() => server.stop())
  return server
}

function tests(): void {
  test('what is not kept goes once its time has come, and the rest is a whole archive', async (t) => {
    const server = await serverIn(t)
    const kept = keep(t, server)
    for (let at = 0; (kept.said().match(/removed what is not kept/g)?.length ?? 0) < 3; at += 1) {
      await server.cli('SET', `key:${at}`, 'x'.repeat(100))
      assert.ok(at < 5_000, kept.said())
    }
    assert.match(kept.said(), /orders: removed what is not kept: \d bases \(\d{8}T\d{6}Z-\w+.*\) and \d+ segments, \d/)
    assert.ok((kept.shard()?.pruning?.prunedSeconds ?? 0) > Date.now() / 1_000 - 60)
    assert.deepEqual([kept.shard()?.pruning?.held, kept.shard()?.pruning?.failed], [false, false])
    await kept.stop()
    const archive = await kept.archive()
    const timeline = archive.shards[0]?.timelines[0] ?? assert.fail('nothing is left')
    assert.ok(timeline.prunedTo > 0 && timeline.bases.length < 8, `${timeline.bases.length} bases are left`)
    assertNoSilentHole(timeline)
    const store = await openStorage(`file://${kept.folder}`, { clock: systemClock })
    t.after(() => store.close())
    const options = { store, identities: [], only: [], share: 1, record: false, clock: systemClock }
    const { bad, gaps } = await verifyArchive(archive, { ...options, onProgress: () => undefined })
    assert.deepEqual([bad, gaps], [[], []])
  })

  test('a clock that somebody sets a month forward takes nothing away: it is said, and archiving goes on', async (t) => {
    let setMs = 0
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + setMs }
    const kept = keep(t, await serverIn(t), { clock })
    await until('retention was carried out', () => kept.shard()?.pruning?.prunedSeconds, PATIENTLY)
    setMs = 30 * DAY_MS
    await until('it is held', () => kept.shard()?.pruning?.held, PATIENTLY)
    assert.match(
      kept.said(),
      /orders: nothing is removed from the archive: the clock of this machine was set forward by 30 d/,
    )
    const before = kept.manifests()
    await until('bases go on', () => kept.manifests().length >= before.length + 3, PATIENTLY)
    for (const one of before) assert.ok(kept.manifests().includes(one), `${one} is gone`)
  })

  test('after a start with a wrong clock, the break in the dates of the archive holds it', async (t) => {
    const server = await serverIn(t)
    const late: Clock = { ...systemClock, now: () => systemClock.now() - 30 * DAY_MS }
    const before = keep(t, server, { clock: late })
    await until('there are bases', () => before.manifests().length >= 2, PATIENTLY)
    await before.stop()
    const bases = before.manifests()
    const kept = keep(t, server, { dir: before.dir })
    await until(
      'it is held',
      () => /between \S+ and \S+ nothing was archived, or the clock was set/.test(kept.said()),
      PATIENTLY,
    )
    await until('bases go on', () => kept.manifests().length >= bases.length + 3, PATIENTLY)
    for (const one of bases) assert.ok(kept.manifests().includes(one), `${one} is gone`)
  })

  test('what the store does not give up is said, the rest goes, and it goes once it may', async (t) => {
    const server = await serverIn(t)
    let [locked, isMounted] = ['', false]
    t.after(() => isMounted && run('umount', '-l', locked))
    const kept = keep(t, server)
    const first = await until('there is a base', () => kept.manifests()[0], PATIENTLY)
    locked = dirname(join(kept.folder, first))
    run('mount', '--bind', locked, locked)
    isMounted = true
    run('mount', '-o', 'remount,ro,bind', locked)
    await until('it is said', () => kept.shard()?.pruning?.failed, PATIENTLY)
    assert.match(kept.said(), /orders: the store did not give up \d objects; \S+manifest\.json: .*read-only/)
    await until('others go', () => /removed what is not kept/.test(kept.said()), PATIENTLY)
    assert.ok(kept.manifests().includes(first))
    run('umount', '-l', locked)
    isMounted = false
    await until('it is gone, too', () => kept.shard()?.pruning?.failed === false, PATIENTLY)
    assert.ok(!kept.manifests().includes(first))
  })
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`)
}

if (inOwnNamespace(import.meta.filename, 'mount')) {
  nothingLeftAfterwards()
  suite('backup.keep in the daemon', { concurrency: 4 }, tests)
}
