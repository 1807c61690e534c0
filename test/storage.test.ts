// What every store promises, tried on each that is found in src/archive/storage/, with the real server behind it. A new
// file there is tested as soon as it lies there.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { makeFolder, spawnChild } from '../lab/children.ts'
import { until } from '../lab/until.ts'
import type { Store } from '../src/archive/store/storage.ts'
import { Fault } from '../src/lib/fault.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { openOn, stages, type Stage } from './store-stages.ts'

nothingLeftAfterwards()

const bytes = (text: string): Uint8Array => Buffer.from(text)
const text = (found: Uint8Array | undefined): string | undefined =>
  found === undefined ? undefined : Buffer.from(found).toString()

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  return (await Array.fromAsync(chunks)).map((chunk) => Buffer.from(chunk).toString()).join('')
}

async function keysOf(store: Store, prefix = ''): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ key }) => key)
}

async function* chunksOf(whole: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
}

const sha256 = (whole: Uint8Array): string => createHash('sha256').update(whole).digest('hex')

for (const { id, start } of stages())
  describe(`${id}:`, () => {
    let stage: Stage | string = 'it was not started'
    before(async () => (stage = await start()))
    after(async () => (typeof stage === 'string' ? undefined : stage.stop()))

    /** A test with an empty store of its own. */
    const on = (name: string, run: (store: Store, t: TestContext) => Promise<void>): void =>
      void it(name, async (t) => {
        if (typeof stage === 'string') t.skip(stage)
        else await run(await openOn(t, stage), t)
      })

    on('an object comes back as it was stored, and a later one takes its place', async (store) => {
      await store.put('a/first', bytes('one'))
      assert.equal(text(await store.getAll('a/first', 10)), 'one')
      await store.put('a/first', bytes('another'))
      assert.equal(await textOf(store.get('a/first')), 'another')
      await store.put('empty', bytes(''))
      assert.equal(text(await store.getAll('empty', 10)), '')
      assert.equal(await textOf(store.get('empty')), '')
    })

    on('what is known of an object without reading it', async (store) => {
      const before = Date.now()
      await store.put('some', bytes('12345'))
      const { etag, modifiedMs, ...rest } = (await store.head('some')) ?? assert.fail('it is not there')
      assert.deepEqual(rest, { key: 'some', sizeBytes: 5 })
      assert.ok(Math.abs(modifiedMs - before) < 60_000, `modified at ${modifiedMs}, stored at ${before}`)
      await store.put('some', bytes('54321'))
      assert.notEqual((await store.head('some'))?.etag, etag)
      assert.equal((await store.head('some'))?.etag, (await store.head('some'))?.etag)
    })

    on('what is not there is said to be not there', async (store) => {
      await store.put('there', bytes('x'))
      assert.equal(await store.head('not'), undefined)
      assert.equal(await store.head('there/not/at/all'), undefined)
      assert.equal(await store.getAll('not', 10), undefined)
      await assert.rejects(textOf(store.get('not')), (fault: Fault) => {
        assert.deepEqual([fault.doing, fault.why, fault.retryable], ['reading', 'there is no such object', false])
        return fault.target.endsWith('/not')
      })
      await assert.rejects(textOf(store.get('not', { from: 1, to: 1 })), /there is no such object/)
      await store.remove('not')
      await store.remove('never/was/here')
      await store.remove('there/not/at/all')
      assert.deepEqual(await keysOf(store, 'never'), [])
    })

    on('a range is what lies in it, and nothing past the end', async (store) => {
      await store.put('digits', bytes('0123456789'))
      const range = (from?: number, to?: number): Promise<string> =>
        textOf(store.get('digits', { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }))
      assert.equal(await range(), '0123456789')
      assert.equal(await range(3), '3456789')
      assert.equal(await range(undefined, 4), '0123')
      assert.equal(await range(2, 5), '234')
      assert.equal(await range(9, 10), '9')
      assert.equal(await range(8, 1_000), '89')
      assert.equal(await range(10), '')
      assert.equal(await range(1_000, 2_000), '')
      assert.equal(await range(4, 4), '')
      assert.equal(await range(0, 0), '')
    })

    on('an object that is too large is not read into memory', async (store) => {
      await store.put('large', Buffer.alloc(100_000))
      assert.equal((await store.getAll('large', 100_000))?.length, 100_000)
      await assert.rejects(store.getAll('large', 99_999), /larger than the 97.7 KiB/)
    })

    on('all letters that a key may have', async (store) => {
      const keys = ['A-Z_a.z/0=9+@,:~', 'a/%2F%41.b', `${'long'.repeat(50)}/${'x'.repeat(200)}/y`, 'z--..--z']
      for (const key of keys) await store.put(key, bytes(key))
      for (const key of keys) assert.equal(text(await store.getAll(key, 1_000)), key)
      assert.deepEqual(await keysOf(store), keys)
      for (const key of keys) await store.remove(key)
      assert.deepEqual(await keysOf(store), [])
    })

    on('a key that leads anywhere else is refused', async (store) => {
      for (const key of [
        '',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        '../a',
        'a/../b',
        'a/.hidden',
        'a.',
        'a b',
        'ä',
        'a\0',
        'a\\b',
      ])
        for (const use of [
          () => store.put(key, bytes('x')),
          () => store.create(key, bytes('x')),
          () => store.putStream(key, chunksOf(bytes('x'), 1)),
          () => textOf(store.get(key)),
          () => store.getAll(key, 1),
          () => store.head(key),
          () => store.remove(key),
        ])
          await assert.rejects(use, /it is not a key/)
      for (const prefix of ['/', '../', 'a/../b', 'a//', '.re'])
        await assert.rejects(keysOf(store, prefix), /it is not a prefix of a key/)
    })

    on('only the first of two creates an object', async (store) => {
      assert.equal(await store.conditionalCreate(), true)
      assert.equal(await store.create('lease/1', bytes('mine')), true)
      assert.equal(await store.create('lease/1', bytes('yours')), false)
      assert.equal(text(await store.getAll('lease/1', 10)), 'mine')
      await store.remove('lease/1')
      assert.equal(await store.create('lease/1', bytes('yours')), true)
    })

    on('of many creates at the same time exactly one wins', async (store) => {
      for (let round = 0; round < 5; round += 1) {
        const tries = Array.from({ length: 16 }, (_none, at) => store.create(`lease/${round}`, bytes(`${at}`)))
        const won = (await Promise.all(tries)).flatMap((wins, at) => (wins ? [`${at}`] : []))
        assert.equal(won.length, 1, `${won.length} of 16 won`)
        assert.deepEqual([text(await store.getAll(`lease/${round}`, 10))], won)
      }
    })

    on('a list is in the order of the whole names, and knows any prefix', async (store) => {
      const keys = ['a', 'a-b/x', 'a.b/x', 'aa/b/c', 'aa/b/d', 'aa/b0', 'ab', 'b/1', 'b/10', 'b/2', 'B/1']
      for (const key of keys) if (key !== 'a') await store.put(key, bytes(key))
      await store.put('a/x', bytes('x'))
      const sorted = [...keys.slice(1), 'a/x'].toSorted() // by UTF-16, which for these is by bytes
      assert.deepEqual(await keysOf(store), sorted)
      assert.deepEqual(sorted, [
        'B/1',
        'a-b/x',
        'a.b/x',
        'a/x',
        'aa/b/c',
        'aa/b/d',
        'aa/b0',
        'ab',
        'b/1',
        'b/10',
        'b/2',
      ])
      assert.deepEqual(await keysOf(store, 'b/1'), ['b/1', 'b/10'])
      assert.deepEqual(await keysOf(store, 'aa/b'), ['aa/b/c', 'aa/b/d', 'aa/b0'])
      assert.deepEqual(await keysOf(store, 'aa/b/'), ['aa/b/c', 'aa/b/d'])
      assert.deepEqual(await keysOf(store, 'nothing'), [])
      const [first] = await Array.fromAsync(store.list('b/10'))
      assert.deepEqual([first?.key, first?.sizeBytes], ['b/10', 4])
      assert.ok(Math.abs((first?.modifiedMs ?? 0) - Date.now()) < 60_000)
    })

    on('1,100 objects are listed, each once', async (store) => {
      const keys = Array.from({ length: 1_100 }, (_none, at) => `many/${at % 7}/${String(at).padStart(16, '0')}`)
      const rest = [...keys]
      const writer = async (): Promise<void> => {
        for (let key = rest.pop(); key !== undefined; key = rest.pop()) await store.put(key, bytes('x'))
      }
      await Promise.all(Array.from({ length: 16 }, writer))
      assert.deepEqual(await keysOf(store, 'many/'), keys.toSorted())
      for await (const { key } of store.list('many/')) {
        assert.equal(key, keys.toSorted()[0])
        break // a list that is left early leaves nothing behind
      }
    })

    on('20 MB in parts come back whole, and in ranges', async (store) => {
      const whole = randomBytes(20_000_003)
      assert.equal(await store.putStream('base', chunksOf(whole, 65_521)), whole.length)
      const hash = createHash('sha256')
      for await (const chunk of store.get('base')) hash.update(chunk)
      assert.equal(hash.digest('hex'), sha256(whole))
      const from = 8 * 2 ** 20 - 7
      const back = Buffer.concat(await Array.fromAsync(store.get('base', { from, to: from + 9_000_000 })))
      assert.equal(sha256(back), sha256(whole.subarray(from, from + 9_000_000)))
      assert.equal((await store.head('base'))?.sizeBytes, whole.length)
    })

    on('a stream may be empty, small, or exactly as long as a part', async (store) => {
      for (const length of [0, 1, 8 * 2 ** 20]) {
        const whole = randomBytes(length)
        assert.equal(await store.putStream('some', chunksOf(whole, 1_000_000)), length)
        assert.equal(sha256((await store.getAll('some', length + 1)) ?? assert.fail('gone')), sha256(whole))
      }
    })

    on('a source that fails leaves nothing, and its own error is the one that is thrown', async (store) => {
      const failing = async function* (afterBytes: number): AsyncGenerator<Uint8Array> {
        yield* chunksOf(Buffer.alloc(afterBytes), 2 ** 20)
        throw new Error('the source broke')
      }
      await assert.rejects(store.putStream('half', failing(100)), /the source broke/)
      await assert.rejects(store.putStream('half', failing(18 * 2 ** 20)), /the source broke/)
      assert.equal(await store.head('half'), undefined)
      assert.deepEqual(await keysOf(store), [])
      await store.put('half', bytes('whole'))
      await assert.rejects(store.putStream('half', failing(9 * 2 ** 20)), /the source broke/)
      assert.equal(text(await store.getAll('half', 10)), 'whole')
    })

    on('who stops reading in the middle stops nobody else', async (store) => {
      await store.put('large', randomBytes(4_000_000))
      for (let round = 0; round < 60; round += 1)
        for await (const chunk of store.get('large')) {
          assert.ok(chunk.length > 0)
          break
        }
      assert.equal((await store.getAll('large', 5_000_000))?.length, 4_000_000)
    })

    on('an object that is replaced while it is read is not mixed with the other', async (store) => {
      const [first, second] = [Buffer.alloc(6_000_000, 'a'), Buffer.alloc(6_000_000, 'b')]
      await store.put('changing', first)
      const reading = store.get('changing')[Symbol.asyncIterator]()
      const chunks = [(await reading.next()).value as Uint8Array]
      await store.put('changing', second)
      const rest = await Array.fromAsync({ [Symbol.asyncIterator]: () => reading }).catch((error: Error) => error)
      if (rest instanceof Error) assert.ok(rest instanceof Fault, String(rest))
      else assert.equal(sha256(Buffer.concat([...chunks, ...rest])), sha256(first))
    })

    on('the check says that all is well, and leaves nothing', async (store) => {
      const checked = await store.check()
      assert.deepEqual([checked.conditionalCreate, checked.removes], [true, true])
      assert.deepEqual(checked.warnings, [])
      if (checked.clockSkewMs !== undefined) assert.ok(Math.abs(checked.clockSkewMs) < 5_000, `${checked.clockSkewMs}`)
      assert.deepEqual(await keysOf(store), [])
    })

    on('a writer that is killed in the middle leaves nothing half', async (store, t) => {
      const dir = makeFolder('put-forever')
      const query = /\?.*/.exec((stage as Stage).url)?.[0] ?? ''
      for (let round = 0; round < 3; round += 1) {
        const args = [join(import.meta.dirname, 'processes', 'put-forever.ts'), `${store.shown}${query}`]
        const { credentialsFile } = (stage as Stage).options
        if (credentialsFile !== undefined) args.push(credentialsFile)
        const writer = await spawnChild(process.execPath, args, { name: 'put-forever', dir })
        t.after(() => writer.kill('SIGKILL'))
        const lines = (): number => readFileSync(join(dir, 'output.log'), 'utf8').split('\n').length - 1
        const before = lines()
        await until('it has stored a few', () => lines() >= before + 3 + round, { timeoutMs: 60_000 })
        writer.kill('SIGKILL')
        await writer.exited
      }
      const stored = readFileSync(join(dir, 'output.log'), 'utf8').trimEnd().split('\n')
      const found = await keysOf(store, 'objects/')
      for (const key of stored) assert.ok(found.includes(key), `${key} was stored and is gone`)
      for (const key of found) {
        const hash = createHash('sha256')
        for await (const chunk of store.get(key)) hash.update(chunk)
        assert.equal(`objects/${hash.digest('hex')}`, key)
      }
    })

    on('after it was closed, whatever is asked is a Fault at once', async (store) => {
      await store.put('some', bytes('x'))
      store.close()
      await assert.rejects(store.put('some', bytes('y')), /it was closed/)
      await assert.rejects(textOf(store.get('some')), /it was closed/)
    })
  })

it('who keeps an archive in a folder does not wait for the libraries of the clouds', () => {
  const script = `
    const { openStorage } = await import('./src/archive/store/storage.ts')
    const { systemClock } = await import('./src/lib/clock.ts')
    const store = await openStorage('file:///tmp', { clock: systemClock })
    const { createRequire } = await import('node:module')
    const loaded = Object.keys(createRequire(import.meta.url).cache)
    console.log(JSON.stringify([store.shown, loaded.filter((path) => /@aws-sdk|@azure|@smithy/.test(path))]))`
  const cwd = join(import.meta.dirname, '..')
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd, encoding: 'utf8' })
  assert.deepEqual(JSON.parse(said), ['file:///tmp', []])
})
