// What we encrypt stock `age` decrypts, and the other way round; what is damaged or not for us is a Fault.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import * as fc from 'fast-check'
import { decryptAge, encryptAge, parseIdentities, whyNoRecipient } from '../src/lib/age.ts'
import { Fault } from '../src/lib/fault.ts'

const CHUNK = 64 * 1024
const SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 7]

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks))
}

const bytesOf = (size: number): Buffer =>
  Buffer.from(Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8)) & 255))

async function pair(): Promise<{ identity: string; recipient: string }> {
  const identity = await generateIdentity()
  return { identity, recipient: await identityToRecipient(identity) }
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'respite-age-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

suite('age', () => {
  test('stock age reads what we write, for each of two recipients', async (t) => {
    const dir = folder(t)
    const [mine, other] = [await pair(), await pair()]
    for (const size of SIZES) {
      const sealed = await whole(encryptAge(pieces(bytesOf(size), 10_000), [mine.recipient, other.recipient]))
      writeFileSync(join(dir, 'sealed'), sealed)
      for (const { identity } of [mine, other]) {
        writeFileSync(join(dir, 'key'), `# a comment\n${identity}\n`)
        const plain = execFileSync('age', ['--decrypt', '--identity', join(dir, 'key'), join(dir, 'sealed')])
        assert.ok(plain.equals(bytesOf(size)), `${size} bytes`)
      }
    }
  })

  test('we read what stock age writes, whatever the cuts', async (t) => {
    const dir = folder(t)
    const { identity, recipient } = await pair()
    for (const size of SIZES) {
      writeFileSync(join(dir, 'plain'), bytesOf(size))
      execFileSync('age', ['--recipient', recipient, '--output', join(dir, 'sealed'), join(dir, 'plain')])
      const sealed = readFileSync(join(dir, 'sealed'))
      for (const cut of [97, CHUNK, 1_000_000])
        assert.ok((await whole(decryptAge(pieces(sealed, cut), [identity], 'sealed'))).equals(bytesOf(size)))
    }
  })

  test('a flipped byte, a cut and a chunk that is missing are seen, wherever they are', async () => {
    const { identity, recipient } = await pair()
    const plain = bytesOf(2 * CHUNK + 5)
    const sealed = await whole(encryptAge(pieces(plain, 5_000), [recipient]))
    const reads = (bytes: Buffer): Promise<Buffer> => whole(decryptAge(pieces(bytes, 30_000), [identity], 'it'))
    const position = fc.nat(sealed.length - 1)
    await fc.assert(
      fc.asyncProperty(position, fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Buffer.from(sealed)
        damaged[at] = (damaged[at] ?? 0) ^ flip
        await assert.rejects(reads(damaged), Fault)
        await assert.rejects(reads(sealed.subarray(0, at)), Fault)
      }),
      { numRuns: 100 },
    )
    const payload = sealed.length - (2 * (CHUNK + 16) + 5 + 16)
    const swapped = [sealed.subarray(0, payload), sealed.subarray(payload + CHUNK + 16)]
    await assert.rejects(reads(Buffer.concat(swapped)), Fault)
    const endless = sealed.subarray(0, payload + 2 * (CHUNK + 16))
    await assert.rejects(reads(endless), /chunk 1 is damaged, or the file is cut there/)
  })

  test('the source is let go of, however reading it ends', async () => {
    const [mine, other] = [await pair(), await pair()]
    const plain = bytesOf(2 * CHUNK + 5)
    const sealed = await whole(encryptAge(pieces(plain, 5_000), [mine.recipient]))
    const flipped = Buffer.from(sealed)
    flipped.writeUInt8((sealed.at(-1) ?? 0) ^ 1, sealed.length - 1)
    const endings: readonly [bytes: Buffer, identity: string][] = [
      [sealed, mine.identity],
      [sealed, other.identity],
      [flipped, mine.identity],
      [Buffer.from('no age file, and no end of a line'), mine.identity],
      [sealed.subarray(0, 50), mine.identity],
    ]
    for (const [bytes, identity] of endings)
      for (const size of [20, 100_000]) {
        let isOpen = false
        const source = async function* (): AsyncGenerator<Buffer> {
          isOpen = true
          try {
            yield* pieces(bytes, size)
          } finally {
            isOpen = false
          }
        }
        await whole(decryptAge(source(), [identity], 'it')).catch((error) => assert.ok(error instanceof Fault))
        assert.equal(isOpen, false)
        if (bytes !== sealed || identity !== mine.identity) continue
        for await (const _chunk of decryptAge(source(), [identity], 'it')) break // nobody reads on
        assert.equal(isOpen, false)
      }
  })

  test('a key that is not one of the recipients says what to do', async () => {
    const [mine, other] = [await pair(), await pair()]
    const sealed = await whole(encryptAge(pieces(bytesOf(10), 10), [mine.recipient]))
    await assert.rejects(whole(decryptAge(pieces(sealed, 50), [other.identity], 'base.rdb.zst.age')), (error) => {
      assert.ok(error instanceof Fault)
      assert.match(error.toText(), /^decrypting base\.rdb\.zst\.age: .+\n {2}give the identity/)
      return true
    })
  })

  test('recipients and identity files that are none are refused in words', async () => {
    const { identity, recipient } = await pair()
    assert.equal(await whyNoRecipient(recipient), undefined)
    const otherEnd = recipient.endsWith('q') ? 'p' : 'q' // its checksum does not fit any more
    assert.ok(await whyNoRecipient(`${recipient.slice(0, -1)}${otherEnd}`))
    assert.ok(await whyNoRecipient('ssh-ed25519 AAAA'))
    assert.deepEqual(parseIdentities(`# created\n# public key: ${recipient}\n${identity}\n`, 'key'), [identity])
    assert.throws(() => parseIdentities('# nothing\n', 'key'), /there is none in it/)
    assert.throws(() => parseIdentities('hello', 'key'), /no AGE-SECRET-KEY/)
  })
})
