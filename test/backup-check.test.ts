// `respite backup --check`: what is in the way is said before the first byte, with what to do, and nothing is changed by asking.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { makeFolder } from '../lab/children.ts'
import { startReplica, startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { Check } from '../src/archive/preflight.ts'
import { RESPITE } from './daemon-process.ts'
import { startFlood } from './flood.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

async function start(t: TestContext, options: StartOptions = {}): Promise<Server> {
  const server = await startServer(options)
  t.after(() => server.stop())
  return server
}

interface Looked {
  readonly exit: number
  readonly err: string
  readonly verdict: string | undefined
  readonly fault: { readonly why: string; readonly hint: string } | undefined
  of(check: string): Check | undefined
}

async function backup(server: Server, ...flags: string[]): Promise<Looked> {
  const to = flags.includes('--to') ? [] : ['--to', pathToFileURL(makeFolder('store')).href]
  const words = ['backup', server.url, ...to, '--json', ...flags]
  const env = { ...process.env, RESPITE_PASSWORD: 'geheim' }
  const { exit, out, err } = await new Promise<{ exit: number; out: string; err: string }>((resolve) => {
    execFile(RESPITE, words, { env }, (error, out, err) => {
      resolve({ exit: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err })
    })
  })
  const document = JSON.parse(out) as { verdict?: string; checks?: Check[]; fault?: Looked['fault'] }
  const of = (check: string): Check | undefined => document.checks?.find((each) => each.check === check)
  return { exit, err, verdict: document.verdict, fault: document.fault, of }
}

test('where nothing is in the way it says so, has begun no synchronisation and left nothing in the store', async (t) => {
  const server = await start(t)
  const store = makeFolder('store')
  const looked = await backup(server, '--check', '--to', pathToFileURL(store).href)
  assert.equal(looked.verdict, 'ok', JSON.stringify(looked))
  assert.equal(looked.exit, 0)
  for (const check of [
    'version',
    'rdb-version',
    'psync',
    'role',
    'backlog',
    'diskless',
    'output-buffer',
    'min-replicas',
  ])
    assert.equal(looked.of(check)?.state, 'ok', check)
  for (const check of ['modules', 'recipients', 'store', 'conditional-create', 'clock', 'store-space'])
    assert.equal(looked.of(check)?.state, 'ok', check)
  assert.match(await server.cli('INFO', 'stats'), /sync_full:0/)
  assert.match(await server.cli('INFO', 'replication'), /connected_slaves:0/)
  assert.deepEqual(
    readdirSync(store).filter((name) => !name.startsWith('.')),
    [],
  )
})

test('a backlog that holds less than a minute is told with the command that makes it longer', async (t) => {
  const primary = await start(t, { conf: ['repl-backlog-size 16kb'] })
  const replica = await startReplica(primary) // now there is a backlog, and writes are counted
  t.after(() => replica.stop())
  const flood = await startFlood({ server: primary, pauseMs: 10 })
  const looked = await backup(primary, '--check', '--attach', 'primary')
  const backlog = looked.of('backlog')
  assert.equal(looked.exit, 1)
  assert.equal(backlog?.state, 'warning')
  assert.match(backlog.says, /^a backlog of 16 KiB holds \d+ s at the present /)
  const words = /^CONFIG SET repl-backlog-size \d+mb/.exec(backlog.hint ?? '')?.[0].split(' ') ?? []
  assert.equal(await primary.cli(...words), 'OK')
  const again = await backup(primary, '--check', '--attach', 'primary')
  await flood.stop()
  // The flood is not even: what counts is that the advice is of the right size.
  assert.match(again.of('backlog')?.says ?? '', /holds (\d{2,} s|\d+ (min|h) |more than)/)
})

test('who may not PSYNC is told the ACL, and the other ways; asked for alone it is impossible', async (t) => {
  const server = await start(t)
  await server.cli('ACL', 'SETUSER', 'app', 'on', '>geheim', '~*', '&*', '+@all', '-psync')
  const auto = await backup(server, '--check', '--user', 'app')
  assert.equal(auto.exit, 1, JSON.stringify(auto))
  assert.equal(auto.of('psync')?.state, 'warning')
  assert.match(auto.of('psync')?.hint ?? '', /\+psync \+replconf/)
  const alone = await backup(server, '--check', '--user', 'app', '--method', 'psync')
  assert.equal(alone.exit, 2)
  assert.equal(alone.of('psync')?.state, 'problem')
  const refused = await backup(server, '--user', 'app', '--method', 'psync') // the same before the first base
  assert.equal(refused.exit, 1)
  assert.match(refused.fault?.why ?? '', /PSYNC is refused: NOPERM/)
})

test('what costs or risks something is a warning, also before the first base', async (t) => {
  const server = await start(t, {
    conf: ['repl-diskless-sync no', 'client-output-buffer-limit replica 10mb 1mb 10', 'min-replicas-to-write 0'],
  })
  await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
  const looked = await backup(server, '--check')
  assert.equal(looked.exit, 1)
  assert.match(looked.of('output-buffer')?.says ?? '', /cut off when 1 MiB wait/)
  assert.match(looked.of('min-replicas')?.says ?? '', /we are counted/)
  assert.match(
    looked.of('disk')?.says ?? '',
    new RegExp(`writes the base to its own disk first: .* in ${server.dir}, where`),
  )
  const taken = await backup(server)
  assert.equal(taken.exit, 0)
  assert.match(taken.err, /cut off when 1 MiB wait.*CONFIG SET client-output-buffer-limit/)
})

test('a store that cannot be written to is a problem, beside what is well', async (t) => {
  const server = await start(t)
  const looked = await backup(server, '--check', '--to', 'file:///proc/no/such/folder')
  assert.equal(looked.exit, 2)
  assert.equal(looked.of('store')?.state, 'problem')
  assert.equal(looked.of('psync')?.state, 'ok')
})

test('a replica is preferred, and one without its primary is told', async (t) => {
  const primary = await start(t)
  const replica = await startReplica(primary)
  t.after(() => replica.stop())
  const looked = await backup(primary, '--check')
  assert.match(looked.of('role')?.says ?? '', /^a replica in step: the primary and its Sentinels do not notice us/)
  assert.equal(looked.of('role')?.of, replica.id)
  await primary.kill('SIGKILL')
  await until('the replica has noticed', async () => /link_status:down/.test(await replica.cli('INFO', 'replication')))
  const alone = await backup(replica, '--check')
  assert.equal(alone.exit, 2)
  assert.match(alone.of('server')?.says ?? '', /no server of its shard can be read now/)
})

test('where PSYNC and the files are refused, what a scan lacks is a problem; with it there is a way', async (t) => {
  const server = await start(t)
  await server.cli('ACL', 'SETUSER', 'narrow', 'on', '>geheim', '~*', '+ping', '+info')
  const lacking = await backup(server, '--check', '--user', 'narrow')
  assert.deepEqual([lacking.exit, lacking.of('psync')?.state, lacking.of('scan')?.state], [2, 'warning', 'problem'])
  assert.match(lacking.of('scan')?.hint ?? '', /^Grant it: ACL SETUSER <user> .*\+scan/)
  await server.cli('ACL', 'SETUSER', 'narrow', '+@read', '+function|dump', '+multi', '+exec')
  const enough = await backup(server, '--check', '--user', 'narrow')
  assert.deepEqual([enough.exit, enough.of('scan')?.state], [1, 'ok'])
})
