// `respite rdb URL`: a base is looked into where it lies, in a folder and in a bucket, encrypted too, by the URL of the
// archive, by the id of a base behind it, and by the object itself.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { faultSchema, rdbSchema, type RdbDocument } from '../src/api/contract.ts'
import { startArchived } from './archived.ts'
import { RESPITE } from './daemon-process.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { stages } from './store-stages.ts'

nothingLeftAfterwards()

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

function run(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(RESPITE, args, (error, out, err) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

async function documentOf(...args: string[]): Promise<RdbDocument> {
  const { exit, out, err } = await run('rdb', ...args, '--json')
  assert.deepEqual([exit, err], [0, ''], out)
  return rdbSchema.parse(JSON.parse(out))
}

async function whyNot(exit: number, ...args: string[]): Promise<string> {
  const ran = await run('rdb', ...args, '--json')
  assert.equal(ran.exit, exit, ran.out)
  const { why, hint } = faultSchema.parse(JSON.parse(ran.out)).fault
  return `${why}. ${hint}`
}

async function serverIn(t: TestContext): Promise<Server> {
  const server = await startServer({ conf: ['repl-diskless-sync-delay 0'] })
  t.after(() => server.stop())
  return server
}

test('the newest base of an archive, an older one by its id, and the object itself', async (t) => {
  const server = await serverIn(t)
  await server.cli('SET', 'session:1', 'a')
  const archived = await startArchived(t, server)
  const { url, store, firstBase } = archived
  await server.cli('SET', 'session:2', 'b')
  const second = await archived.takeBase()
  const newest = await documentOf(url)
  assert.deepEqual([newest.keys, newest.checksum, newest.complete], [2, 'ok', true])
  assert.match(newest.file, new RegExp(`^${store.shown}/orders/\\S+/${second.id}/base\\.rdb\\.zst$`))
  assert.equal((await documentOf(`${url}/${firstBase.id}`)).keys, 1)
  assert.deepEqual((await documentOf(newest.file)).namespaces, newest.namespaces)
  assert.match(await whyNot(2, `${url}/20200101T000000Z-0000`), /has none of that id\. .*respite backups file:/)
  assert.match(
    await whyNot(2, `file://${makeFolder('empty')}`),
    /there is none\. respite backup URL --to STORE makes one/,
  )
  const other = await startArchived(t, await serverIn(t), { deployment: 'carts', store: archived })
  assert.match(await whyNot(64, url), /it holds several deployments: carts, orders\. name one with --deployment/)
  assert.equal((await documentOf(url, '--deployment', 'carts')).keys, 0)
  assert.ok(other.firstBase.id !== '')
  await startArchived(t, await serverIn(t), { shard: '1', store: archived })
  const shards = await whyNot(64, url, '--deployment', 'orders')
  assert.match(shards, new RegExp(`it has 2 shards.* Put the id of one behind the URL: .*${second.id} \\(shard 0\\)`))
})

test('an encrypted one needs its identity', async (t) => {
  const server = await serverIn(t)
  await server.cli('SET', 'session:1', 'a')
  const identity = await generateIdentity()
  const { url } = await startArchived(t, server, { recipients: [await identityToRecipient(identity)] })
  assert.match(await whyNot(1, url), /it is encrypted, and no identity is given/)
  const key = join(makeFolder('key'), 'key.txt')
  writeFileSync(key, identity)
  assert.equal((await documentOf(url, '--identity', key)).keys, 1)
})

test('out of a bucket', async (t) => {
  const stage = await stages()
    .find(({ id }) => id === 's3')
    ?.start()
  if (stage === undefined || typeof stage === 'string') return t.skip(stage)
  after(() => stage.stop())
  const server = await serverIn(t)
  await server.cli('SET', 'session:1', 'a')
  const { credentialsFile = '' } = stage.options
  const [place, query] = stage.url.split('?')
  const login = ['--credentials-file', credentialsFile]
  const backup = await run('backup', server.url, '--to', `${place}/some?${query}`, '--json', ...login)
  const [base] = (JSON.parse(backup.out) as { bases: { id: string }[] }).bases
  for (const path of ['some', `some/${base?.id}`])
    assert.equal((await documentOf(`${place}/${path}?${query}`, ...login)).keys, 1, path)
})
