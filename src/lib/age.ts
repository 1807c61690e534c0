// Encryption in the format of age-encryption.org/v1, so that stock `age` reads what we write and the other way round.
// The library wraps and unwraps the file key; the payload is ciphered by Node's own OpenSSL, which is ten times as fast
// as the library's JavaScript (a backup is bounded by it) and is the same 64 KiB STREAM of ChaCha20-Poly1305.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { Decrypter, Encrypter, type Recipient } from 'age-encryption'
import { Fault, reasonOf } from './fault.ts'

const CHUNK = 64 * 1024
const TAG = 16
const NONCE = 16
const LONGEST_HEADER = 64 * 1024 // hundreds of recipients; a longer one is no header
const CIPHER = 'chacha20-poly1305'

/** Is this a public key that `encryptAge` takes? The reason why not, or undefined. */
export async function whyNoRecipient(recipient: string): Promise<string | undefined> {
  try {
    await headerFor([recipient])
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

/** Encrypts to all recipients (`age1…`). Yields chunks of any size; memory is bounded by one chunk of the source. */
export async function* encryptAge(
  source: AsyncIterable<Uint8Array>,
  recipients: readonly string[],
): AsyncGenerator<Buffer> {
  const { header, fileKey } = await headerFor(recipients)
  const nonce = randomBytes(NONCE)
  yield Buffer.concat([header, nonce])
  const seal = chunkCipher(payloadKey(fileKey, nonce))
  for await (const { chunk, isLast } of chunksOf(source, CHUNK)) yield* seal.encrypt(chunk, isLast)
}

/** Decrypts with the first of the identities (`AGE-SECRET-KEY-1…`) that fits. Wrong keys and damage are Faults. */
export async function* decryptAge(
  source: AsyncIterable<Uint8Array>,
  identities: readonly string[],
  target: string,
): AsyncGenerator<Buffer> {
  const reader = readerOf(source)
  try {
    const fileKey = await fileKeyOf(await readHeader(reader, target), identities, target)
    const nonce = await reader.exactly(NONCE)
    if (nonce === undefined) throw damaged(target, 'it ends before its payload')
    const open = chunkCipher(payloadKey(fileKey, nonce))
    let at = 0
    for await (const { chunk, isLast } of chunksOf(reader.rest(), CHUNK + TAG)) {
      const plain = isLast && at > 0 && chunk.length === TAG ? undefined : open.decrypt(chunk, isLast)
      if (plain === undefined) throw damaged(target, `the encrypted chunk ${at} is damaged, or the file is cut there`)
      at += 1
      yield plain
    }
  } finally {
    await reader.close()
  }
}

/** The identities of an age key file: its lines that are not comments. */
export function parseIdentities(text: string, target: string): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'))
  const wrong = identities.findIndex((line) => !line.startsWith('AGE-SECRET-KEY-'))
  if (identities.length > 0 && wrong === -1) return identities
  throw new Fault({
    doing: 'reading the age identity',
    target,
    why: identities.length === 0 ? 'there is none in it' : 'a line is no AGE-SECRET-KEY-…',
    hint: 'make one with: age-keygen -o key.txt',
    exit: 64,
    retryable: false,
  })
}

/** The header that the library makes for an empty file, and the key that it wrapped in it. */
async function headerFor(recipients: readonly string[]): Promise<{ header: Buffer; fileKey: Uint8Array }> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  let fileKey: Uint8Array | undefined
  const listener: Recipient = {
    wrapFileKey(key) {
      fileKey = key
      return []
    },
  }
  encrypter.addRecipient(listener)
  const file = await encrypter.encrypt(new Uint8Array())
  if (fileKey === undefined) throw new Error('the age library wrapped no key')
  return { header: Buffer.from(file.subarray(0, file.length - NONCE - TAG)), fileKey }
}

async function fileKeyOf(header: Uint8Array, identities: readonly string[], target: string): Promise<Uint8Array> {
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  try {
    return await decrypter.decryptHeader(header)
  } catch (error) {
    throw new Fault({
      doing: 'decrypting',
      target,
      why: reasonOf(error),
      hint: 'give the identity of one of the recipients that it was encrypted to: --identity FILE',
      retryable: false,
      cause: error,
    })
  }
}

function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
}

interface ChunkCipher {
  encrypt(chunk: Uint8Array, isLast: boolean): Buffer[] // in their order
  decrypt(chunk: Uint8Array, isLast: boolean): Buffer | undefined // undefined: not authentic
}

/** The STREAM construction: a nonce of an 11 byte counter and a byte that marks the last chunk. */
function chunkCipher(key: Buffer): ChunkCipher {
  const nonce = Buffer.alloc(12)
  let counter = 0n
  const next = (isLast: boolean): Buffer => {
    nonce.writeBigUInt64BE(counter, 3)
    nonce[11] = isLast ? 1 : 0
    counter += 1n
    return nonce
  }
  return {
    encrypt(chunk, isLast) {
      const cipher = createCipheriv(CIPHER, key, next(isLast), { authTagLength: TAG })
      return [cipher.update(chunk), cipher.final(), cipher.getAuthTag()].filter(({ length }) => length > 0)
    },
    decrypt(chunk, isLast) {
      if (chunk.length < TAG) return undefined
      const decipher = createDecipheriv(CIPHER, key, next(isLast), { authTagLength: TAG })
      decipher.setAuthTag(chunk.subarray(chunk.length - TAG))
      try {
        return Buffer.concat([decipher.update(chunk.subarray(0, chunk.length - TAG)), decipher.final()])
      } catch {
        return undefined // OpenSSL says no more than that the tag does not fit
      }
    },
  }
}

/**
 * Cuts a source into chunks of exactly `size` bytes; the last one, which is never left out, may be shorter. A chunk is good
 * until the next is asked for.
 */
async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ chunk: Uint8Array; isLast: boolean }> {
  const held = Buffer.allocUnsafe(size)
  let used = 0
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length;) {
      if (used === size) {
        yield { chunk: held, isLast: false }
        used = 0
      }
      const part = Math.min(size - used, bytes.length - at)
      held.set(bytes.subarray(at, at + part), used)
      used += part
      at += part
    }
  }
  yield { chunk: held.subarray(0, used), isLast: true }
}

interface Reader {
  line(longest: number): Promise<Buffer | undefined> // with its end; undefined: there is none
  exactly(bytes: number): Promise<Buffer | undefined>
  rest(): AsyncIterable<Uint8Array>
  close(): Promise<void> // the source may hold a file or a connection open until it is told that nobody reads on
}

function readerOf(source: AsyncIterable<Uint8Array>): Reader {
  const chunks = source[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  const more = async (): Promise<boolean> => {
    const next = await chunks.next()
    if (next.done === true) return false
    held = Buffer.concat([held, next.value])
    return true
  }
  const take = (bytes: number): Buffer => {
    const taken = held.subarray(0, bytes)
    held = held.subarray(bytes)
    return taken
  }
  return {
    async line(longest) {
      for (;;) {
        const end = held.indexOf(10)
        if (end !== -1) return take(end + 1)
        if (held.length > longest || !(await more())) return undefined
      }
    },
    async exactly(bytes) {
      while (held.length < bytes) if (!(await more())) return undefined
      return take(bytes)
    },
    async *rest() {
      if (held.length > 0) yield held
      yield* { [Symbol.asyncIterator]: () => chunks }
    },
    async close() {
      await chunks.return?.()
    },
  }
}

async function readHeader(reader: Reader, target: string): Promise<Buffer> {
  const lines: Buffer[] = []
  for (let length = 0; length < LONGEST_HEADER; length += lines.at(-1)?.length ?? 0) {
    const line = await reader.line(LONGEST_HEADER)
    if (line === undefined || (lines.length === 0 && line.toString() !== 'age-encryption.org/v1\n')) break
    lines.push(line)
    if (line.toString('latin1').startsWith('---')) return Buffer.concat(lines)
  }
  throw damaged(target, lines.length === 0 ? 'it is not an age file' : 'the header of the age file has no end')
}

function damaged(target: string, why: string): Fault {
  return new Fault({ doing: 'decrypting', target, why, retryable: false })
}
