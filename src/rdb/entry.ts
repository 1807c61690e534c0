// One key of an RDB, as it passes by. There is one object for all of them, which changes with each: who wants to remember
// something copies it.

import type { ValueType } from './layouts.ts'
import type { Templates } from './templates.ts'

export class Entry {
  db = 0
  offset = 0 // where its type byte stands in the RDB
  expiresAtMs: number | undefined // since 1970; a key may have expired already
  idleSeconds: number | undefined // when the server evicts by LRU
  frequency: number | undefined // 0 to 255, when it evicts by LFU
  type: ValueType // what the value is, and how it is written
  keyLength = 0 // bytes of the key; more than `key` has when that was cut
  meta: Buffer | undefined // what modules attach to keys (Redis 8.6), as it stands behind its opcode

  // Known when the value has passed:
  bytes = 0 // of key and value as they stand in the RDB, packed as they are, without opcodes
  elements = 0 // of a string its bytes; NaN when the value does not say how many it has
  moduleId: Buffer | undefined

  readonly templates: Templates // the hash templates of this RDB
  #keyIn: Uint8Array = new Uint8Array(0)
  #keyFrom = 0
  #keyTo = 0

  constructor(type: ValueType, templates: Templates) {
    this.type = type
    this.templates = templates
  }

  /** A copy of the key, which may be any bytes. */
  get key(): Buffer {
    return Buffer.from(this.#keyIn.subarray(this.#keyFrom, this.#keyTo))
  }

  /** Was more of the key than `key` passed over? It takes a key past the limit of the scanner. */
  get isKeyCut(): boolean {
    return this.keyLength > this.#keyTo - this.#keyFrom
  }

  /** The bytes that hold the key from `keyFrom` to before `keyTo`, without a copy. */
  get keyIn(): Uint8Array {
    return this.#keyIn
  }

  get keyFrom(): number {
    return this.#keyFrom
  }

  get keyTo(): number {
    return this.#keyTo
  }

  setKey(bytes: Uint8Array, from: number, to: number): void {
    this.#keyIn = bytes
    this.#keyFrom = from
    this.#keyTo = to
  }

  /** Makes the key independent of the piece of the RDB that it was found in. */
  ownKey(): void {
    const key = this.key
    this.setKey(key, 0, key.length)
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The name in a module's id: nine letters of six bits, before ten bits that are the version of its encoding. */
export function moduleName(id: Buffer): string {
  const bits = id.readBigUInt64BE()
  let name = ''
  for (let letter = 0; letter < 9; letter += 1) name += LETTERS[Number((bits >> BigInt(58 - 6 * letter)) & 63n)] ?? ''
  return name
}
