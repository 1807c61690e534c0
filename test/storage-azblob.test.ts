// What only Azure has: blocks that belong to nobody until they are committed, and its own ways to log in.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import {
  BlobServiceClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { makeFolder } from '../lab/children.ts'
import type { Fault } from '../src/lib/fault.ts'
import { FakeClock } from './fake-clock.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { AZURE_KEY, BUCKET, openOn, SECRET, stages, type Stage } from './store-stages.ts'

nothingLeftAfterwards()

const some = Buffer.from('some')
const VARIABLES = [
  'AZURE_STORAGE_CONNECTION_STRING',
  'AZURE_STORAGE_ACCOUNT',
  'AZURE_STORAGE_KEY',
  'AZURE_STORAGE_SAS_TOKEN',
]

describe('azblob:', () => {
  let stage: Stage | string = 'it was not started'
  before(
    async () =>
      (stage =
        (await stages()
          .find(({ id }) => id === 'azblob')
          ?.start()) ?? 'there is no azblob:'),
  )
  after(async () => (typeof stage === 'string' ? undefined : stage.stop()))

  const on = (name: string, run: (stage: Stage, endpoint: string, t: TestContext) => Promise<void>): void =>
    void it(name, async (t) => {
      if (typeof stage === 'string') return t.skip(stage)
      if (stage.isOutside === true) return t.skip('an outside account has logins of its own')
      await run(stage, new URL(stage.url).searchParams.get('endpoint') ?? '', t)
    })

  const key = new StorageSharedKeyCredential('respite', AZURE_KEY)
  const sas = (): string => {
    const permissions = ContainerSASPermissions.parse('rcwdl')
    const expiresOn = new Date(Date.now() + 3_600_000)
    return generateBlobSASQueryParameters({ containerName: BUCKET, permissions, expiresOn }, key).toString()
  }

  on('credentials come from a file: a connection string, or the key alone', async (stage, endpoint, t) => {
    const dir = makeFolder('credentials')
    const stored = async (text: string): Promise<void> => {
      const credentialsFile = join(dir, 'file')
      writeFileSync(credentialsFile, text)
      const bare = { ...stage, url: stage.url.split('?')[0] ?? '', options: {} }
      const store = await openOn(t, text.includes('BlobEndpoint') ? bare : { ...stage, options: {} }, {
        credentialsFile,
      })
      await store.put('a', some)
    }
    await stored(`DefaultEndpointsProtocol=http;AccountName=respite;AccountKey=${AZURE_KEY};BlobEndpoint=${endpoint};`)
    await stored(`BlobEndpoint=${endpoint};SharedAccessSignature=${sas()}`)
    await stored(`${AZURE_KEY}\n`)
    for (const [text, why] of [
      [`AccountName=other;AccountKey=${AZURE_KEY}`, /that of the account other/],
      ['AccountName=respite;Nothing=else', /neither AccountKey nor SharedAccessSignature/],
      [`!${SECRET}!`, /neither a connection string nor the key/],
      ['', /neither a connection string nor the key/],
    ] as const)
      await assert.rejects(stored(text), (fault: Fault) => {
        assert.match(fault.toText(), why)
        assert.doesNotMatch(fault.toText(), /geheim|Z2VoZWlt/)
        return !fault.retryable
      })
  })

  on('credentials come from the environment, and never those of another account', async (stage, endpoint, t) => {
    t.after(() => VARIABLES.forEach((name) => delete process.env[name]))
    const stored = async (variables: Record<string, string>): Promise<void> => {
      for (const name of VARIABLES) delete process.env[name]
      Object.assign(process.env, variables)
      await (await openOn(t, { ...stage, options: {} })).put('a', some)
    }
    const connection = `AccountName=respite;AccountKey=${AZURE_KEY};BlobEndpoint=${endpoint}`
    await stored({ AZURE_STORAGE_CONNECTION_STRING: connection })
    await stored({ AZURE_STORAGE_ACCOUNT: 'respite', AZURE_STORAGE_KEY: AZURE_KEY })
    await stored({ AZURE_STORAGE_SAS_TOKEN: `?${sas()}` })
    const other = { AZURE_STORAGE_ACCOUNT: 'other', AZURE_STORAGE_KEY: AZURE_KEY }
    await assert.rejects(stored(other), /AZURE_STORAGE_ACCOUNT is other/)
  })

  on('a signature in an address is not said', async (stage, endpoint, t) => {
    const credentialsFile = join(makeFolder('credentials'), 'sas')
    writeFileSync(
      credentialsFile,
      `BlobEndpoint=${endpoint};SharedAccessSignature=${sas().replace(/sig=[^&]+/, 'sig=geheim')}`,
    )
    const store = await openOn(t, { ...stage, options: {} }, { credentialsFile })
    for (const use of [
      () => store.put('a', some),
      () => store.head('a'),
      () => store.check(),
    ] satisfies (() => Promise<unknown>)[])
      await assert.rejects(use(), (fault: Fault) => {
        assert.doesNotMatch(fault.toText() + JSON.stringify(fault.cause ?? ''), /geheim/)
        return !fault.retryable
      })
  })

  on(
    'blocks of an upload that failed are no object, and the next object does not have them',
    async (stage, _url, t) => {
      const store = await openOn(t, stage)
      const failing = async function* (): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < 18; at += 1) yield Buffer.alloc(2 ** 20)
        throw new Error('the source broke')
      }
      await assert.rejects(store.putStream('base', failing()), /the source broke/)
      assert.equal(await store.head('base'), undefined)
      await store.put('base', some)
      assert.equal(Buffer.from((await store.getAll('base', 10)) ?? []).toString(), 'some')
    },
  )

  on('old probes are swept', async (stage, endpoint, t) => {
    const clock = new FakeClock(Date.now())
    const store = await openOn(t, stage, { clock })
    const container = new BlobServiceClient(endpoint, key).getContainerClient(BUCKET)
    const name = `${store.shown.split('/').at(-1)}/.respite/probe-1`
    await container.getBlockBlobClient(name).upload(some, some.length)
    assert.deepEqual(await Array.fromAsync(store.list('')), [])
    assert.equal(await store.sweep(), 0)
    clock.set(25 * 3_600_000)
    assert.equal(await store.sweep(), 1)
  })
})
