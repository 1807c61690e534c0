// What is sealed is read back to the byte, with a hash that needs no key; what is damaged is a Fault.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { Fault } from '../lib/fault.ts'
import { compressFrame, sealFrames, sealStream, sealingOf, unseal, unsealBytes } from './seal.ts'

const STREAM = Buffer.from('*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n'.repeat(40_000))
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

async function* slowly(bytes: Buffer, size = 50_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size)
    await new Promise(setImmediate)
  }
}

suite('sealing', () => {
  test('with and without recipients, at once and as a stream', async () => {
    const identity = await generateIdentity()
    for (const recipients of [[], [await identityToRecipient(identity)]]) {
      const options = { target: 'it', sealed: sealingOf(recipients), identities: [identity] }
      const frames = [await compressFrame([STREAM.subarray(0, 34)]), await compressFrame([STREAM.subarray(34)])]
      const small = await sealFrames(frames, recipients)
      assert.equal(small.sha256, sha256(small.bytes))
      assert.ok((await unsealBytes(small.bytes, options)).equals(STREAM))
      const sealed = sealStream(slowly(STREAM), recipients)
      const stored = Buffer.concat(await Array.fromAsync(sealed.chunks))
      assert.deepEqual(sealed.result(), { storedBytes: stored.length, sha256: sha256(stored) })
      assert.ok((await unsealBytes(stored, options)).equals(STREAM))
    }
  })

  test('without recipients, stock zstd reads it', async () => {
    const { bytes } = await sealFrames([await compressFrame([STREAM])], [])
    assert.ok(zstdDecompressSync(bytes).equals(STREAM))
  })

  test('damage is a Fault that names the object', async () => {
    const { bytes } = await sealFrames([await compressFrame([STREAM])], [])
    const flipped = Buffer.from(bytes)
    const middle = bytes.length >> 1
    flipped[middle] = (flipped[middle] ?? 0) ^ 1
    const options = { target: 'stream/1-2', sealed: 'zst', identities: [] } as const
    for (const damaged of [flipped, bytes.subarray(0, -3), Buffer.from('hello'), Buffer.alloc(0)])
      await assert.rejects(unsealBytes(damaged, options), (error) => {
        assert.ok(error instanceof Fault, String(error))
        assert.match(error.message, /^decompressing stream\/1-2: /)
        return true
      })
  })

  test('without an identity it says which option is missing', async () => {
    const options = { target: 'base.rdb.zst.age', sealed: 'zst.age', identities: [] } as const
    await assert.rejects(unsealBytes(Buffer.from('x'), options), { hint: /--identity FILE/, exit: 1 })
  })

  test('an error of the source comes out as it is, and a reader who leaves ends the source', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield STREAM
      throw new Error('the link was cut')
    }
    await assert.rejects(Array.fromAsync(sealStream(broken(), []).chunks), /the link was cut/)
    const ended = Promise.withResolvers<void>()
    async function* long(): AsyncGenerator<Buffer> {
      try {
        for (let count = 0; count < 1_000; count += 1) yield* slowly(STREAM)
      } finally {
        ended.resolve()
      }
    }
    const { chunks } = sealStream(long(), [])
    for await (const chunk of unseal(chunks, { target: 'it', sealed: 'zst', identities: [] })) {
      assert.ok(chunk.length > 0)
      break
    }
    await ended.promise
  })
})
