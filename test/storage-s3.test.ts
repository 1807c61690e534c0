// What only S3 has: uploads that nobody finished and that are seen in no list, versions, object lock, and the many ways to
// log in.

import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { openStorage, type StorageOptions, type Store } from '../src/archive/store/storage.ts'
import { systemClock } from '../src/lib/clock.ts'
import type { Fault } from '../src/lib/fault.ts'
import { FakeClock } from './fake-clock.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { BUCKET, openOn, SECRET, stages, type Stage } from './store-stages.ts'

nothingLeftAfterwards()

const HOUR_MS = 3_600_000
const some = Buffer.from('some')

describe('s3:', () => {
  let stage: Stage | string = 'it was not started'
  before(
    async () =>
      (stage =
        (await stages()
          .find(({ id }) => id === 's3')
          ?.start()) ?? 'there is no s3:'),
  )
  after(async () => (typeof stage === 'string' ? undefined : stage.stop()))

  /** A test with the server's own client beside ours. */
  const on = (name: string, run: (stage: Stage, client: S3Client, t: TestContext) => Promise<void>): void =>
    void it(name, async (t) => {
      if (typeof stage === 'string') return t.skip(stage)
      if (stage.isOutside === true) return t.skip('the settings of an outside bucket are left alone')
      const endpoint = new URL(stage.url).searchParams.get('endpoint') ?? ''
      const credentials = { accessKeyId: 'respite', secretAccessKey: SECRET }
      const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true })
      t.after(() => client.destroy())
      await run(stage, client, t)
    })

  const uploadsIn = async (client: S3Client): Promise<string[]> =>
    ((await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads ?? []).map(({ Key }) => Key ?? '')

  on('an upload whose source fails leaves no parts behind', async (stage, client, t) => {
    const store = await openOn(t, stage)
    let seen = 0
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < 18; at += 1) yield Buffer.alloc(2 ** 20)
      seen = (await uploadsIn(client)).length
      throw new Error('the source broke')
    }
    await assert.rejects(store.putStream('half', failing()), /the source broke/)
    assert.equal(seen, 1)
    assert.deepEqual(await uploadsIn(client), [])
  })

  on('the sweep ends uploads that nobody has touched for a day, and no other', async (stage, client, t) => {
    const clock = new FakeClock(Date.now())
    const store = await openOn(t, stage, { clock })
    const prefix = store.shown.slice(`s3://${BUCKET}/`.length)
    const begin = async (key: string): Promise<string | undefined> =>
      (await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: key }))).UploadId
    const UploadId = await begin(`${prefix}/half`)
    await client.send(
      new UploadPartCommand({ Bucket: BUCKET, Key: `${prefix}/half`, UploadId, PartNumber: 1, Body: some }),
    )
    await begin('elsewhere/half')
    clock.set(23 * HOUR_MS)
    assert.equal(await store.sweep(), 0)
    clock.set(2 * HOUR_MS)
    assert.equal(await store.sweep(), 1)
    assert.deepEqual(await uploadsIn(client), ['elsewhere/half'])
  })

  on('the check says how the clocks differ', async (stage, _client, t) => {
    const store = await openOn(t, stage, { clock: new FakeClock(Date.now() + HOUR_MS) })
    const { clockSkewMs = 0 } = await store.check()
    assert.ok(Math.abs(clockSkewMs + HOUR_MS) < 60_000, `${clockSkewMs}`)
  })

  on('the check says whether the bucket keeps versions and locks objects', async (stage, client) => {
    const Bucket = 'locked'
    await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }))
    const open = (): Promise<Store> =>
      openStorage(stage.url.replace(BUCKET, Bucket), { clock: systemClock, ...stage.options })
    const store = await open()
    const first = await store.check()
    assert.deepEqual([first.versioning, first.objectLock], ['on', 'on, no default retention'])
    const DefaultRetention = { Mode: 'GOVERNANCE', Days: 30 } as const
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention } } as const
    await client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }))
    const then = await store.check()
    assert.deepEqual([then.objectLock, then.conditionalCreate], ['governance, 30 days', true])
    await store.putStream('base', one())
    await store.remove('base') // a marker over what is kept
    assert.equal(await store.head('base'), undefined)
    store.close()
  })

  on('a bucket with versions shows the last of each, and none that was removed', async (stage, client) => {
    const Bucket = 'versioned'
    await client.send(new CreateBucketCommand({ Bucket }))
    const VersioningConfiguration = { Status: 'Enabled' } as const
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }))
    const store = await openStorage(stage.url.replace(BUCKET, Bucket), { clock: systemClock, ...stage.options })
    await store.put('a', some)
    await store.put('a', Buffer.from('other'))
    assert.equal(await store.create('a', some), false)
    await store.put('b', some)
    await store.remove('b')
    assert.deepEqual(
      (await Array.fromAsync(store.list(''))).map(({ key, sizeBytes }) => [key, sizeBytes]),
      [['a', 5]],
    )
    assert.deepEqual([(await store.check()).versioning, (await store.check()).objectLock], ['on', 'off'])
    store.close()
  })

  on('credentials come from the environment, or from a profile of a file', async (stage, _client, t) => {
    const store = (more: Partial<StorageOptions>, query = ''): Promise<Store> =>
      openOn(t, { ...stage, url: stage.url + query, options: {} }, more)
    const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const
    const before = names.map((name) => process.env[name])
    t.after(() => {
      for (const [at, name] of names.entries()) if (before[at] === undefined) delete process.env[name]
    })
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'respite', AWS_SECRET_ACCESS_KEY: SECRET })
    await (await store({})).put('a', some)

    const dir = makeFolder('credentials')
    const file = (name: string, text: string): { credentialsFile: string } => {
      writeFileSync(join(dir, name), text)
      return { credentialsFile: join(dir, name) }
    }
    const login = `aws_access_key_id = respite\naws_secret_access_key=${SECRET}\n`
    const two = file('two', `# ours\n[default]\naws_access_key_id=x\naws_secret_access_key=y\n\n[archive]\n${login}`)
    await (await store(two, '&profile=archive')).put('a', some)
    await assert.rejects((await store(two)).put('a', some), /InvalidAccessKeyId|XAdminUserNotFound/)
    for (const [name, text, why] of [
      ['empty', '', /\[default\] holds no aws_access_key_id/],
      ['half', `[default]\naws_secret_access_key=${SECRET}\n`, /\[default\] holds no aws_access_key_id/],
    ] as const)
      await assert.rejects((await store(file(name, text))).put('a', some), (fault: Fault) => {
        assert.match(fault.toText(), why)
        assert.doesNotMatch(fault.toText(), /geheim/)
        return !fault.retryable
      })
    const none = await store({ credentialsFile: join(dir, 'none') })
    await assert.rejects(none.put('a', some), (fault: Fault) => /ENOENT/.test(fault.why) && !fault.retryable)
  })
})

async function* one(): AsyncGenerator<Uint8Array> {
  yield some
}
