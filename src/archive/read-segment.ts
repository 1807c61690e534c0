// Reading sealed objects back: whoever takes their plain bytes hears of every bit that is not as it was stored, at the
// latest when they end.

import { createHash } from 'node:crypto'
import { Fault } from '../lib/fault.ts'
import type { StoredSegment } from './catalog.ts'
import { readPieces, type PieceRun } from './pieces.ts'
import { unseal } from './seal.ts'
import type { Sealing } from './keys.ts'
import type { Store } from './store/storage.ts'

export interface SealedObject {
  readonly key: string
  readonly sha256: string // of its bytes as they lie in the store
  readonly sealed: Sealing
}

/** Where an archive is read, and with which keys. */
export interface Reading {
  readonly store: Store
  readonly identities: readonly string[]
  readonly onBytes?: (bytes: number) => void // stored bytes that were read, for progress
}

/** The plain bytes. Damage is a Fault, and so is a hash that does not match, at the end. */
export async function* readSealed(reading: Reading, object: SealedObject): AsyncGenerator<Buffer> {
  const stored = new HashedObject(reading, object)
  const target = `${reading.store.shown}/${object.key}`
  yield* unseal(stored.chunks(), { target, sealed: object.sealed, identities: reading.identities })
  stored.check()
}

/** Reads an object for its hash alone. */
export async function checkHash(reading: Reading, object: SealedObject): Promise<number> {
  const stored = new HashedObject(reading, object)
  let bytes = 0
  for await (const chunk of stored.chunks()) bytes += chunk.length
  stored.check()
  return bytes
}

class HashedObject {
  readonly #reading: Reading
  readonly #object: SealedObject
  readonly #hash = createHash('sha256')

  constructor(reading: Reading, object: SealedObject) {
    this.#reading = reading
    this.#object = object
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const { store, onBytes } = this.#reading
    for await (const chunk of store.get(this.#object.key)) {
      this.#hash.update(chunk)
      onBytes?.(chunk.length)
      yield chunk
    }
  }

  /** What follows the compressed bytes was not read: then it does not match either. */
  check(): void {
    if (this.#hash.digest('hex') === this.#object.sha256) return
    throw new Fault({
      doing: 'reading',
      target: `${this.#reading.store.shown}/${this.#object.key}`,
      why: 'its bytes are not those that were stored: the SHA-256 is another one',
      hint: 'respite verify lists all that is damaged',
      retryable: false,
    })
  }
}

/** The pieces of a segment. Anything but exactly the stretch that its name promises is a Fault. */
export async function* readSegment(reading: Reading, segment: StoredSegment): AsyncGenerator<PieceRun> {
  const target = `${reading.store.shown}/${segment.key}`
  let at = segment.from
  for await (const run of readPieces(readSealed(reading, segment), target)) {
    if (run.offset !== at) throw otherThanNamed(target, `it begins at ${run.offset}`)
    at += run.bytes.length
    yield run
  }
  if (at !== segment.to) throw otherThanNamed(target, `it ends at ${at}`)
}

function otherThanNamed(target: string, why: string): Fault {
  return new Fault({
    doing: 'reading the segment',
    target,
    why: `${why}, and its name says otherwise`,
    retryable: false,
  })
}
