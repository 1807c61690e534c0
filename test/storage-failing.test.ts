// What stores over a network promise when the network or the store does not do well: every one that speaks HTTP, behind
// a line that is made bad. Time is the test's, so that half a minute of silence costs nothing.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { until } from '../lab/until.ts'
import type { StorageOptions, Store } from '../src/archive/store/storage.ts'
import { Fault } from '../src/lib/fault.ts'
import { startBadLink, type Asked, type BadLink, type Trouble } from './bad-link.ts'
import { FakeClock } from './fake-clock.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { openOn, stages, type Stage } from './store-stages.ts'

nothingLeftAfterwards()

const TRIES = 5
const MIB = 2 ** 20
const some = Buffer.from('some bytes')
const sha256 = (whole: Uint8Array): string => createHash('sha256').update(whole).digest('hex')

async function* chunksOf(whole: Uint8Array, size = 300_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks))
}

interface Scene {
  readonly store: Store
  readonly link: BadLink
  readonly clock: FakeClock
  readonly stage: Stage
  /** Lets the time of the test go by, so that waits end, until the promise is settled. */
  readonly soon: <T>(promise: Promise<T>) => Promise<T>
  readonly fault: (promise: Promise<unknown>) => Promise<Fault>
}

async function sceneOf(t: TestContext, stage: Stage, more: Partial<StorageOptions> = {}): Promise<Scene> {
  const endpoint = new URL(new URL(stage.url).searchParams.get('endpoint') ?? assert.fail('no endpoint'))
  const link = await startBadLink(t, endpoint.origin)
  const clock = new FakeClock(Date.now())
  const store = await openOn(t, { ...stage, url: stage.url.replace(endpoint.origin, link.url) }, { clock, ...more })
  const soon: Scene['soon'] = async (promise) => {
    let settled = false
    const end = promise.finally(() => (settled = true))
    end.catch(() => undefined) // whoever awaits it is told
    await until('it is settled', async () => (settled ? true : clock.advance(200).then(() => false)), {
      timeoutMs: 60_000,
    })
    return end
  }
  const fault = async (promise: Promise<unknown>): Promise<Fault> => {
    const thrown = await soon(promise).then(
      () => assert.fail('it went well'),
      (error: unknown) => error,
    )
    assert.ok(thrown instanceof Fault, String(thrown))
    assert.doesNotMatch(JSON.stringify([thrown.toText(), thrown.cause]), /geheim|Z2VoZWlt/)
    return thrown
  }
  return { store, link, clock, stage, soon, fault }
}

const twice =
  (trouble: Trouble) =>
  (_asked: Asked, number: number): Trouble | undefined =>
    number <= 2 ? trouble : undefined

for (const { id, start } of stages().filter(({ id }) => id !== 'file'))
  describe(`${id}: on a bad line`, () => {
    let stage: Stage | string = 'it was not started'
    before(async () => (stage = await start()))
    after(async () => (typeof stage === 'string' ? undefined : stage.stop()))

    const on = (name: string, run: (scene: Scene, t: TestContext) => Promise<void>): void =>
      void it(name, async (t) => {
        if (typeof stage === 'string') t.skip(stage)
        else if (stage.isOutside === true) t.skip('a line to an outside store is not made bad')
        else await run(await sceneOf(t, stage), t)
      })

    for (const [name, trouble] of Object.entries({
      'answers 500': { status: 500 },
      'answers 503': { status: 503, body: '<Error><Code>SlowDown</Code><Message>Please reduce</Message></Error>' },
      'resets the connection': { loseAnswer: true },
    } satisfies Record<string, Trouble>))
      on(`what ${name} twice is done the third time, whatever it is`, async ({ store, link, soon }) => {
        const whole = randomBytes(100_000)
        const uses: [string, () => Promise<unknown>, unknown][] = [
          ['put', () => store.put('a/b', whole), undefined],
          ['head', async () => (await store.head('a/b'))?.sizeBytes, whole.length],
          ['getAll', async () => sha256((await store.getAll('a/b', 200_000)) ?? some), sha256(whole)],
          [
            'get',
            async () => (await bytesOf(store.get('a/b', { from: 7, to: 20 }))).toString('hex'),
            whole.subarray(7, 20).toString('hex'),
          ],
          ['list', async () => (await Array.fromAsync(store.list('a'))).map(({ key }) => key), ['a/b']],
          ['putStream', () => store.putStream('a/c', chunksOf(whole)), whole.length],
          ['remove', () => store.remove('a/b'), undefined],
          ['check', async () => (await store.check()).conditionalCreate, true],
        ]
        for (const [what, use, expected] of uses) {
          link.trouble = twice(trouble)
          const before = link.asked.length
          assert.deepEqual(await soon(use()), expected, what)
          assert.ok(link.asked.length >= before + 3, `${what}: asked ${link.asked.length - before} times`)
        }
      })

    on('after five attempts it is a Fault, and nobody else tries behind our back', async ({ store, link, fault }) => {
      link.trouble = () => ({ status: 503 })
      for (const use of [() => store.put('a', some), () => bytesOf(store.get('a')), () => store.head('a')]) {
        const before = link.asked.length
        const { why, retryable, toText } = await fault(use())
        assert.match(why, /503.*\(tried 5 times\)/)
        assert.ok(retryable)
        assert.equal(typeof toText, 'function')
        assert.equal(link.asked.length - before, TRIES)
      }
    })

    on('a store that says nothing is given up in time', async ({ store, link, clock }) => {
      link.trouble = () => ({ silent: true })
      const put = store.put('a', some).catch((error: unknown) => error)
      for (let attempt = 1; attempt <= TRIES; attempt += 1) {
        await until(`attempt ${attempt}`, () => link.asked.length === attempt || clock.advance(100).then(() => false))
        await clock.advance(31_000)
      }
      const fault = await put
      assert.ok(fault instanceof Fault)
      assert.match(fault.why, /no answer within 30 s \(tried 5 times\)/)
    })

    on('one silence is survived', async ({ store, link, clock, soon }) => {
      link.trouble = (_asked, number) => (number === 1 ? { silent: true } : undefined)
      const put = store.put('a', some)
      await until('it was asked', () => link.asked.length === 1)
      await clock.advance(31_000)
      await soon(put)
      assert.equal((await soon(store.getAll('a', 100)))?.length, some.length)
    })

    on('a store that is not there', async ({ store, clock, soon, fault }, t) => {
      const { url, options } = stage as Stage
      const nowhere = url.replace(/endpoint=http:\/\/[^/]+/, 'endpoint=http://127.0.0.1:1')
      const gone = await openOn(t, { url: nowhere, options, stop: async () => undefined }, { clock })
      const { why, retryable, hint } = await fault(gone.put('a', some))
      assert.match(why, /ECONNREFUSED.*\(tried 5 times\)/)
      assert.match(hint ?? '', /network/)
      assert.ok(retryable)
      await soon(store.put('a', some))
    })

    on('a body that breaks off goes on where it was', async ({ store, link, soon }) => {
      const whole = randomBytes(6 * MIB)
      await soon(store.put('large', whole))
      link.trouble = (_asked, number) => (number < 5 ? { cutAfterBytes: 1_200_000 } : undefined)
      const before = link.asked.length
      assert.equal(sha256(await soon(bytesOf(store.get('large')))), sha256(whole))
      assert.equal(link.asked.length - before, 5)
      link.trouble = twice({ cutAfterBytes: 700_000 })
      const range = { from: 1_000_001, to: 4_000_007 }
      assert.equal(sha256(await soon(bytesOf(store.get('large', range)))), sha256(whole.subarray(range.from, range.to)))
    })

    on(
      'a body that breaks off again and again without getting on is given up',
      async ({ store, link, soon, fault }) => {
        await soon(store.put('large', randomBytes(3 * MIB)))
        link.trouble = () => ({ cutAfterBytes: 10_000 })
        assert.match((await fault(bytesOf(store.get('large')))).why, /\(tried 5 times\)/)
      },
    )

    on('a body that stalls goes on too', async ({ store, link, clock, soon }) => {
      const whole = randomBytes(2 * MIB)
      await soon(store.put('large', whole))
      link.trouble = (_asked, number) => (number === 1 ? { stallAfterBytes: 500_000 } : undefined)
      let got = 0
      const chunks: Uint8Array[] = []
      const reading = (async () => {
        for await (const chunk of store.get('large')) {
          chunks.push(chunk)
          got += chunk.length
        }
      })()
      await until('it stalls', () => got === 500_000)
      await clock.advance(31_000)
      await soon(reading)
      assert.equal(sha256(Buffer.concat(chunks)), sha256(whole))
    })

    on(
      'an object that is replaced between two halves of reading it is a Fault',
      async ({ store, link, soon, fault }) => {
        await soon(store.put('large', randomBytes(3 * MIB)))
        link.trouble = (_asked, number) => (number === 1 ? { cutAfterBytes: 1_000_000 } : undefined)
        const reading = (async () => {
          for await (const chunk of store.get('large'))
            if (chunk.length > 0) await store.put('large', randomBytes(3 * MIB))
        })()
        const { hint, retryable } = await fault(reading)
        assert.equal(hint, 'Another object has taken its place.')
        assert.equal(retryable, false)
      },
    )

    on('who created an object knows it although the answer was lost', async ({ store, link, soon }) => {
      assert.equal(await soon(store.conditionalCreate()), true)
      link.trouble = (_asked, number) => (number === 1 ? { loseAnswer: true } : undefined)
      assert.equal(await soon(store.create('lease', some)), true)
      link.trouble = (_asked, number) => (number === 1 ? { loseAnswer: true } : undefined)
      assert.equal(await soon(store.create('lease', some)), false)
    })

    on(
      '20 MB arrive in parts although parts are refused and the last answer is lost',
      async ({ store, link, soon }) => {
        const whole = randomBytes(20_000_000)
        let finished = 0
        link.trouble = ({ method, path, headers }, number) => {
          if (number % 2 === 0 && method === 'PUT' && Number(headers['content-length']) > MIB) return { status: 500 }
          const isLast = (method === 'POST' && /uploadId=/.test(path)) || /comp=blocklist/.test(path)
          finished += isLast ? 1 : 0
          return isLast && finished === 1 ? { loseAnswer: true } : undefined
        }
        assert.equal(await soon(store.putStream('base', chunksOf(whole), { sizeHint: whole.length })), whole.length)
        assert.ok(finished >= 2)
        assert.equal(sha256(await soon(bytesOf(store.get('base')))), sha256(whole))
      },
    )

    if (id === 's3')
      on('an upload that is not known any more is done when the object is ours, and else it is not', async (scene) => {
        const { store, link, soon, fault } = scene
        const isLast = ({ method, path }: Asked): boolean => method === 'POST' && path.includes('uploadId=')
        const body = '<Error><Code>NoSuchUpload</Code><Message>It is gone</Message></Error>'
        for (const first of [{ loseAnswer: true }, { status: 500 }] satisfies Trouble[]) {
          let finished = 0
          link.trouble = (asked) => {
            finished += isLast(asked) ? 1 : 0
            return isLast(asked) ? (finished === 1 ? first : { status: 404, body }) : undefined
          }
          const put = store.putStream('base', chunksOf(randomBytes(9 * MIB)))
          if ('loseAnswer' in first) assert.equal(await soon(put), 9 * MIB)
          else {
            const { why, retryable } = await fault(put)
            assert.match(why, /does not know the upload any more/)
            assert.ok(retryable)
          }
        }
      })

    on('a store that dies in the middle of an upload leaves no object', async ({ store, link, soon, fault }) => {
      let parts = 0
      link.trouble = ({ method, headers }) => {
        if (method === 'PUT' && Number(headers['content-length']) > MIB) parts += 1
        return parts > 1 ? { status: 500 } : undefined
      }
      assert.match((await fault(store.putStream('base', chunksOf(randomBytes(20_000_000))))).why, /500.*tried 5 times/)
      link.trouble = () => undefined
      assert.equal(await soon(store.head('base')), undefined)
      assert.deepEqual(await soon(Array.fromAsync(store.list(''))), [])
    })

    on('a slow line is no broken one', async ({ store, link, soon }) => {
      const whole = randomBytes(9 * MIB)
      link.trouble = () => ({ bytesPerMs: 8_000 })
      await soon(store.putStream('base', chunksOf(whole)))
      assert.equal(sha256(await soon(bytesOf(store.get('base')))), sha256(whole))
    })

    on('a store that heeds no condition is found out, and creates nothing', async ({ store, link, fault, soon }) => {
      for (const status of [id === 's3' ? 200 : 201, 501]) {
        link.trouble = ({ headers }) => (headers['if-none-match'] === undefined ? undefined : { status })
        const checked = await soon(store.check())
        assert.equal(checked.conditionalCreate, false)
        assert.equal(await soon(store.conditionalCreate()), false)
        const { why, retryable } = await fault(store.create('lease', some))
        assert.match(why, /cannot create an object only where there is none/)
        assert.equal(retryable, false)
      }
    })

    on('a login that may not remove is no hindrance, and is said', async ({ store, link, soon }) => {
      const code = id === 's3' ? 'AccessDenied' : 'AuthorizationPermissionMismatch'
      const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>No.</Message></Error>`
      link.trouble = ({ method }) => (method === 'DELETE' ? { status: 403, body } : undefined)
      const { removes, couldNotLook } = await soon(store.check())
      assert.equal(removes, false)
      assert.match(couldNotLook.find(({ at }) => at === 'removing')?.why ?? '', new RegExp(code))
    })

    on('wrong credentials are a Fault at once, in whatever is asked', async ({ clock, link, fault }, t) => {
      const wrong = join(makeFolder('credentials'), 'wrong')
      writeFileSync(
        wrong,
        id === 's3' ? '[default]\naws_access_key_id=respite\naws_secret_access_key=geheim2\n' : 'Z2VoZWltMg==',
      )
      const url = (stage as Stage).url.replace(/endpoint=http:\/\/[^/]+/, `endpoint=${link.url}`)
      const store = await openOn(
        t,
        { url, options: { credentialsFile: wrong }, stop: async () => undefined },
        { clock },
      )
      for (const use of [
        () => store.check(),
        () => store.put('a', some),
        () => bytesOf(store.get('a')),
        () => store.create('a', some),
      ]) {
        const before = link.asked.length
        const found = await fault(use())
        assert.equal(found.retryable, false, found.toText())
        assert.match(found.toText(), /SignatureDoesNotMatch|AuthenticationFailed|AuthorizationFailure/)
        assert.match(found.hint ?? '', /Look at the a/)
        assert.equal(link.asked.length - before, 1)
      }
    })

    on('a bucket that is not there is a Fault at once, in whatever is asked', async ({ clock, link, fault }, t) => {
      const { url, options } = stage as Stage
      const missing = url
        .replace('respite-test', 'not-there')
        .replace(/endpoint=http:\/\/[^/]+/, `endpoint=${link.url}`)
      const store = await openOn(t, { url: missing, options, stop: async () => undefined }, { clock })
      const uses = [
        () => store.check(),
        () => store.put('a', some),
        () => store.putStream('a', chunksOf(randomBytes(9 * MIB))),
        () => bytesOf(store.get('a')),
        () => store.getAll('a', 1),
        () => store.head('a'),
        () => Array.fromAsync(store.list('')),
        () => store.remove('a'),
      ]
      for (const use of uses) {
        const found = await fault(use())
        assert.match(found.toText(), /NoSuchBucket|ContainerNotFound/)
        assert.match(found.hint ?? '', /Make the (bucket|container)/)
        assert.equal(found.retryable, false)
      }
    })
  })
