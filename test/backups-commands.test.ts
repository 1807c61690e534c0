// The commands that read an archive, in processes of their own, as people and programs run them.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startServer } from '../lab/servers.ts'
import { backupsSchema, faultSchema, pruneSchema, verifySchema } from '../src/api/contract.ts'
import { RESPITE } from './daemon-process.ts'
import { openTestStore, startArchived } from './archived.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

function run(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(RESPITE, args, { maxBuffer: 1e8 }, (error, out, err) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

test('respite backups and respite verify say what there is, and what is wrong with it', async (t) => {
  const server = await startServer({ conf: ['repl-diskless-sync-delay 0'] })
  t.after(() => server.stop())
  await server.cli('SET', 'session:1', 'a', 'EX', '1000')
  const archived = await startArchived(t, server)
  await server.cli('SET', 'session:2', 'b')
  await archived.caughtUp()
  const second = await archived.takeBase()
  await server.cli('SET', 'session:3', 'c')
  await archived.caughtUp()
  await server.cli('SET', 'session:4', 'c')
  await archived.caughtUp()
  await archived.stop()
  const { url } = archived

  const verified = await run('verify', url, '--json')
  assert.equal(verified.exit, 0, verified.out)
  const proof = verifySchema.parse(JSON.parse(verified.out))
  assert.deepEqual([proof.bad, proof.gaps, proof.proved, proof.bases.length], [[], [], 'plaintext', 2])
  const sampled = await run('verify', url, '--sample', '10%', '--no-record')
  assert.equal(sampled.exit, 0)
  assert.match(sampled.out, /a sample of 10 %/)

  const listed = await run('backups', url, '--json')
  assert.equal(listed.exit, 0, listed.out)
  const [orders] = backupsSchema.parse(JSON.parse(listed.out)).deployments
  const [timeline] = orders?.shards[0]?.timelines ?? []
  assert.deepEqual([orders?.name, orders?.kind, timeline?.bases.length], ['orders', 'standalone', 2])
  const base = timeline?.bases[1]
  assert.deepEqual([base?.id, base?.keys, base?.method, base?.consistent], [second.id, 2, 'psync', true])
  assert.ok(base?.verifiedAt)
  assert.equal(timeline?.stream.length, 1)
  assert.ok(orders?.restorable && orders.restorable.from < orders.restorable.to)
  const table = await run('backups', url)
  assert.match(table.out, /orders \(standalone\) .*\n {2}Can be restored: .*\n {2}shard 0, timeline 0001-/)
  assert.match(table.out, new RegExp(`${second.id} .* psync .* verified`))

  const [segment] = (await archived.shard()).timelines[0]?.segments ?? []
  assert.ok(segment)
  const file = join(archived.dir, segment.key)
  const bytes = readFileSync(file)
  const damaged = Buffer.from(bytes)
  damaged.writeUInt8((damaged[20] ?? 0) ^ 4, 20)
  writeFileSync(file, damaged)
  const bad = await run('verify', url)
  assert.equal(bad.exit, 2)
  assert.ok(bad.out.includes(`✖ ${segment.key}: `), bad.out)
  rmSync(file)
  const missed = await run('backups', url)
  assert.equal(missed.exit, 1)
  assert.match(missed.out, /! gap: /)

  for (const [args, exit, why] of [
    [['verify', url, 'none'], 2, /has no base of that id/],
    [['verify', url, '--sample', '0'], 64, /is no share/],
    [['verify', url, '--identity', '/nowhere'], 64, /reading the identity \/nowhere/],
    [['backups', url, '--deployment', 'order'], 1, /Did you mean orders\?/],
  ] as const) {
    const ran = await run(...args)
    assert.deepEqual([ran.exit, ran.out], [exit, ''])
    assert.match(ran.err, why)
    const json = await run(...args, '--json')
    assert.equal(json.exit, exit)
    faultSchema.parse(JSON.parse(json.out))
  }
  const empty = await openTestStore(t)
  assert.deepEqual([(await run('backups', empty.url)).exit, (await run('verify', empty.url)).exit], [2, 2])
  await archived.stop()
})

test('respite prune takes old bases and their stream, and leaves an archive without a hole', async (t) => {
  const server = await startServer({ conf: ['repl-diskless-sync-delay 0'] })
  t.after(() => server.stop())
  const archived = await startArchived(t, server)
  for (let at = 0; at < 3; at += 1) {
    await server.cli('SET', `key:${at}`, 'x')
    await archived.caughtUp()
    await archived.takeBase()
  }
  await server.cli('SET', 'last', 'x')
  const end = await archived.caughtUp()
  await archived.stop()
  const { url } = archived
  const before = await archived.archive()
  const keep = ['--keep', 'hourly=0,daily=0,weekly=0,monthly=1,stream=0s']

  const plan = await run('prune', url, ...keep, '--json')
  assert.equal(plan.exit, 0, plan.out)
  const planned = pruneSchema.parse(JSON.parse(plan.out))
  assert.equal(planned.applied, false)
  assert.equal((await archived.archive()).objects, before.objects, 'a plan removes nothing')
  const [orders] = planned.deployments
  const removed = orders?.removed ?? []
  const manifests = removed.filter(({ key }) => key.endsWith('manifest.json'))
  assert.equal(manifests.length, 3)
  for (const { key } of manifests) {
    const folder = key.slice(0, -'manifest.json'.length)
    assert.equal(removed.find((one) => one.key.startsWith(folder))?.key, key, 'the manifest goes first')
  }
  const { exit, out } = await run('prune', url, ...keep, '--apply')
  assert.equal(exit, 0, out)
  const after = (await archived.shard()).timelines[0]
  assert.deepEqual([after?.bases.length, after?.stretches.length, after?.stretches[0]?.to], [1, 1, end])
  assert.equal(after?.stretches[0]?.from, after?.bases[0]?.offset)
  assert.equal((await run('verify', url)).exit, 0)
  assert.equal((await run('backups', url)).exit, 0)
  const again = pruneSchema.parse(JSON.parse((await run('prune', url, ...keep, '--json')).out))
  assert.deepEqual(again.deployments[0]?.removed, [])
  const wrong = await run('prune', url, '--keep', 'yearly=1')
  assert.equal(wrong.exit, 64)
  assert.match(wrong.err, /"yearly=1" is not understood/)
})
