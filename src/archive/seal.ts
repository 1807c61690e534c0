// Objects as they lie in the store: zstd, then age to all recipients, and the SHA-256 of the outcome, so that an object can
// be checked without a key (docs/formats/archive.md, "Sealed objects"). And back.

import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { decryptAge, encryptAge } from '../lib/age.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { through } from '../lib/through.ts'
import type { Sealing } from './keys.ts'

export interface Sealed {
  readonly bytes: Buffer
  readonly sha256: string // hexadecimal
}

export interface SealedStream {
  readonly chunks: AsyncIterable<Buffer>
  /** Of what was read of `chunks`; final when they have ended. */
  result(): { readonly storedBytes: number; readonly sha256: string }
}

// Level 1: on a stream of commands it is a tenth larger than level 3 and costs half (43 MB: 21 ms against 33 ms).
const LEVEL = { [constants.ZSTD_c_compressionLevel]: 1 }
const FRAME = { ...LEVEL, [constants.ZSTD_c_checksumFlag]: 1 }
const FRAME_CHUNK_BYTES = 256 * 1024

export function sealingOf(recipients: readonly string[]): Sealing {
  return recipients.length === 0 ? 'zst' : 'zst.age'
}

/** One zstd frame of all parts together. Frames one behind the other are a zstd file, too. */
export async function compressFrame(parts: readonly Uint8Array[]): Promise<Buffer> {
  const frame = createZstdCompress({ params: FRAME, chunkSize: FRAME_CHUNK_BYTES })
  for (const part of parts) frame.write(part)
  frame.end()
  return whole(frame)
}

/** Seals what is compressed already; for the few megabytes of a segment. */
export async function sealFrames(frames: readonly Buffer[], recipients: readonly string[]): Promise<Sealed> {
  const bytes = recipients.length === 0 ? Buffer.concat(frames) : await whole(encryptAge(each(frames), recipients))
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/**
 * Seals a stream of any size with bounded memory. An error of the source ends `chunks` with that error. A chunk of the
 * source has to be good until the next is asked for, and so long are those that come out.
 */
export function sealStream(source: AsyncIterable<Uint8Array>, recipients: readonly string[]): SealedStream {
  const hash = createHash('sha256')
  let storedBytes = 0
  async function* hashed(): AsyncGenerator<Buffer> {
    const frame = compressed(source)
    const sealed = recipients.length === 0 ? frame : encryptAge(frame, recipients)
    for await (const chunk of sealed) {
      hash.update(chunk)
      storedBytes += chunk.length
      yield chunk
    }
  }
  return { chunks: hashed(), result: () => ({ storedBytes, sha256: hash.copy().digest('hex') }) }
}

/** One frame. While one chunk is compressed, in another thread, what came out of those before it is used. */
async function* compressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const frame = createZstdCompress({ params: FRAME, chunkSize: FRAME_CHUNK_BYTES })
  const out: Buffer[] = []
  frame.on('data', (chunk: Buffer) => out.push(chunk))
  let giveUp: (why: Error) => void = () => undefined
  frame.once('error', (error) => giveUp(error))
  const doing = (begin: (done: (error?: Error | null) => void) => void): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    giveUp = reject
    promise.catch(() => undefined) // thrown where it is waited for, unless who reads has left
    begin((error) => (error ? reject(error) : resolve()))
    return promise
  }
  try {
    for await (const chunk of source) {
      const taken = doing((done) => frame.write(chunk, done))
      yield* out.splice(0)
      await taken
    }
    await doing((done) => void frame.once('end', () => done()).end())
    yield* out
  } finally {
    frame.destroy()
  }
}

export interface UnsealOptions {
  readonly target: string // the key, for words
  readonly sealed: Sealing
  readonly identities: readonly string[]
}

/** The plain bytes of a sealed object, in chunks. Damage, a missing identity and a wrong one are Faults. */
export async function* unseal(
  source: AsyncIterable<Uint8Array>,
  { target, sealed, identities }: UnsealOptions,
): AsyncGenerator<Buffer> {
  if (sealed === 'zst.age' && identities.length === 0) {
    throw new Fault({
      doing: 'decrypting',
      target,
      why: 'it is encrypted, and no identity is given',
      hint: 'give the private key with --identity FILE, or identityFile in the configuration',
      exit: 1,
      retryable: false,
    })
  }
  const compressed = sealed === 'zst.age' ? decryptAge(source, identities, target) : source
  try {
    yield* through(compressed, createZstdDecompress())
  } catch (error) {
    if (!isZstd(error)) throw error
    throw new Fault({ doing: 'decompressing', target, why: reasonOf(error), retryable: false, cause: error })
  }
}

/** The plain bytes of a small sealed object. */
export async function unsealBytes(bytes: Buffer, options: UnsealOptions): Promise<Buffer> {
  return whole(unseal(each([bytes]), options))
}

/** `ZSTD_error_…` is damage, `Z_BUF_ERROR` a file that ends too soon. */
function isZstd(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code))
}

function each(chunks: readonly Buffer[]): AsyncIterable<Buffer> {
  return Readable.from(chunks)
}

async function whole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks))
}
