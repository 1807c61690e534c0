// Counts keys by the beginning of their names: `session:17` is in `session`, with a depth of two `a:b:c` in `a:b`. It is
// asked for every key of a file, so it works on the bytes, and makes no text of a name before somebody wants to see it.
// The table has a fixed size: what comes after ten thousand different names, or has a very long one, is counted together.

import type { Entry } from './entry.ts'
import { KINDS, type Kind } from './layouts.ts'

export interface NamespaceCount {
  readonly name: Buffer // may be any bytes; empty: keys without a separator
  readonly isOther: boolean // of all that found no place in the table
  readonly keys: number
  readonly bytes: number
  readonly withTtl: number
  readonly types: Readonly<Partial<Record<Kind, number>>>
}

const MOST_NAMES = 10_000
const LONGEST_NAME = 256
const SLOTS = 32_768 // a power of two, three times as many as names
// What is counted of a name, side by side: keys that expire, then keys and bytes of each kind.
const ROW = 1 + 2 * KINDS.length
const FNV_PRIME = 0x0100_0193
const FNV_START = 0x811c_9dc5 | 0

export class Namespaces {
  readonly #separator: Buffer
  readonly #depth: number
  readonly #slots = new Int32Array(SLOTS).fill(-1)
  readonly #names: Buffer[] = []
  readonly #hashes = new Int32Array(MOST_NAMES)
  readonly #counts = new Float64Array((MOST_NAMES + 1) * ROW)
  #hash = 0 // of the name that was found last

  constructor(separator: string, depth: number) {
    this.#separator = Buffer.from(separator)
    this.#depth = depth
  }

  /** Counts an entry that has passed. */
  add({ keyIn, keyFrom, keyTo, bytes, expiresAtMs, type }: Entry): void {
    const length =
      this.#separator.length === 1 ? this.#nameByByte(keyIn, keyFrom, keyTo) : this.#nameByText(keyIn, keyFrom, keyTo)
    const at = this.#place(keyIn, keyFrom, length)
    const counts = this.#counts
    const row = at * ROW
    if (expiresAtMs !== undefined) counts[row] = (counts[row] ?? 0) + 1
    const kind = row + 1 + 2 * type.kindAt
    counts[kind] = (counts[kind] ?? 0) + 1
    counts[kind + 1] = (counts[kind + 1] ?? 0) + bytes
  }

  /** Keys and bytes of all names by kind, those that there are. */
  kinds(): Map<Kind, { keys: number; bytes: number }> {
    const all = new Map<Kind, { keys: number; bytes: number }>()
    for (const [index, kind] of KINDS.entries()) {
      const sum = { keys: 0, bytes: 0 }
      for (let at = 1 + 2 * index; at < this.#counts.length; at += ROW) {
        sum.keys += this.#counts[at] ?? 0
        sum.bytes += this.#counts[at + 1] ?? 0
      }
      if (sum.keys > 0) all.set(kind, sum)
    }
    return all
  }

  /** All of them, the largest first; what found no place comes last. */
  list(): NamespaceCount[] {
    const all = this.#names.map((name, at) => this.#count(name, at, false))
    const sorted = all.toSorted((a, b) => b.bytes - a.bytes)
    const other = this.#count(Buffer.from('(other)'), MOST_NAMES, true)
    return other.keys > 0 ? [...sorted, other] : sorted
  }

  #count(name: Buffer, at: number, isOther: boolean): NamespaceCount {
    const types: Partial<Record<Kind, number>> = {}
    const row = at * ROW
    let keys = 0
    let bytes = 0
    for (const [index, kind] of KINDS.entries()) {
      const count = this.#counts[row + 1 + 2 * index] ?? 0
      if (count > 0) types[kind] = count
      keys += count
      bytes += this.#counts[row + 2 + 2 * index] ?? 0
    }
    return { name, isOther, keys, bytes, withTtl: this.#counts[row] ?? 0, types }
  }

  /** Length of the name, up to before the last separator that counts; 0 when there is none. */
  #nameByByte(keyIn: Uint8Array, from: number, to: number): number {
    const separator = this.#separator[0]
    let left = this.#depth
    let length = 0
    let hash = FNV_START
    this.#hash = hash
    for (let at = from; at < to && left > 0; at += 1) {
      const byte = keyIn[at] ?? 0
      if (byte === separator) {
        length = at - from
        this.#hash = hash
        left -= 1
      }
      hash = Math.imul(hash ^ byte, FNV_PRIME)
    }
    return length
  }

  #nameByText(keyIn: Uint8Array, from: number, to: number): number {
    const key = Buffer.from(keyIn.buffer, keyIn.byteOffset + from, to - from)
    let length = 0
    let at = this.#separator.length === 0 ? -1 : key.indexOf(this.#separator)
    for (let left = this.#depth; at !== -1 && left > 0; left -= 1) {
      length = at
      at = key.indexOf(this.#separator, at + this.#separator.length)
    }
    let hash = FNV_START
    for (let index = 0; index < length; index += 1) hash = Math.imul(hash ^ (key[index] ?? 0), FNV_PRIME)
    this.#hash = hash
    return length
  }

  /** The row of a name, a new one if need be. */
  #place(keyIn: Uint8Array, from: number, length: number): number {
    if (length > LONGEST_NAME) return MOST_NAMES
    const hash = this.#hash
    for (let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const at = this.#slots[slot] ?? -1
      if (at === -1) return this.#addName(slot, Buffer.from(keyIn.subarray(from, from + length)))
      if (this.#hashes[at] === hash && isSame(this.#names[at], keyIn, from, length)) return at
    }
  }

  #addName(slot: number, name: Buffer): number {
    const at = this.#names.length
    if (at === MOST_NAMES) return MOST_NAMES
    this.#slots[slot] = at
    this.#hashes[at] = this.#hash
    this.#names.push(name)
    return at
  }
}

function isSame(name: Buffer | undefined, keyIn: Uint8Array, from: number, length: number): boolean {
  if (name?.length !== length) return false
  for (let at = 0; at < length; at += 1) if (name[at] !== keyIn[from + at]) return false
  return true
}
