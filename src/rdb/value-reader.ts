// Reads the things of one value that is here whole: what Cursor passes over, this takes. Bytes that are missing, packed
// strings that lie, and values that unpack to more than a limit are Faults.

import { Cursor, lowWordAt, MISSING } from './cursor.ts'
import { unpackWhole } from './lzf.ts'
import { MOST_ELEMENTS } from './packed.ts'
import type { StreamId } from './values.ts'

const MOST_PLAIN_BYTES = 1024 ** 3 // of one value when it is unpacked: twice what a server takes from a client

export class ValueReader {
  readonly cursor: Cursor
  #plainBytes = 0

  /** `base` is where the value stands in the whole that `target` names. */
  constructor(value: Uint8Array, target: string, base: number) {
    this.cursor = new Cursor(target, base + value.length)
    this.cursor.enter(value, 0, value.length, base)
  }

  get isAtEnd(): boolean {
    return this.cursor.at >= this.cursor.end
  }

  /** The bytes of a string. Unless it was packed they are a view of the value. */
  string(): Buffer {
    const { cursor } = this
    const { at } = cursor
    if (!cursor.head()) throw cursor.wrong('a string', 'the end of the value')
    const { form, bodyAt, bodyBytes, plainBytes } = cursor
    cursor.passString()
    if (form === 'integer') return Buffer.from(String(cursor.integer), 'latin1')
    if (form === 'raw') return viewOf(cursor.bytes, bodyAt, bodyBytes)
    this.#plainBytes += plainBytes
    if (this.#plainBytes > MOST_PLAIN_BYTES) throw cursor.wrong('a value', `one that unpacks to more than 1 GiB`, at)
    const plain = unpackWhole(cursor.bytes, bodyAt, bodyAt + bodyBytes, plainBytes)
    if (plain === undefined) throw cursor.wrong('a packed string', 'one that cannot be unpacked', at)
    return plain
  }

  /** A number in the form of a length, up to 2^53. */
  number(): number {
    const { at } = this.cursor
    const number = this.cursor.length()
    if (number === MISSING) throw this.cursor.wrong('a length', 'the end of the value')
    if (number > Number.MAX_SAFE_INTEGER) throw this.cursor.wrong('a number up to 2^53', String(number), at)
    return number
  }

  /** A number in the form of a length, with all its 64 bits. */
  bigNumber(): bigint {
    const { at, bytes } = this.cursor
    const number = this.cursor.length()
    if (number === MISSING) throw this.cursor.wrong('a length', 'the end of the value')
    if (number <= Number.MAX_SAFE_INTEGER) return BigInt(number)
    return viewOf(bytes, at + 1, 8).readBigUInt64BE()
  }

  /** How often something follows. Each takes a byte at least. */
  count(): number {
    const { at, end } = this.cursor
    const count = this.number()
    if (count > end - this.cursor.at)
      throw this.cursor.wrong('a count', `${count}, for which the bytes are too few`, at)
    if (count > MOST_ELEMENTS) throw this.cursor.wrong(`at most ${MOST_ELEMENTS} elements to decode`, String(count), at)
    return count
  }

  /** So many bytes as they are, as a view. */
  raw(count: number): Buffer {
    const { at, end, bytes } = this.cursor
    if (at + count > end) throw this.cursor.wrong(`${count} bytes`, 'the end of the value')
    this.cursor.at = at + count
    return viewOf(bytes, at, count)
  }

  double(): number {
    return this.raw(8).readDoubleLE()
  }

  /** A double as text, as old sorted sets have it. */
  textDouble(): number {
    const length = this.raw(1)[0] ?? 0
    if (length === 253) return Number.NaN
    if (length === 254) return Infinity
    if (length === 255) return -Infinity
    return scoreOf(this.raw(length))
  }

  /** Milliseconds since 1970, or -1. */
  milliseconds(): number {
    const bytes = this.raw(8)
    return bytes.readInt32LE(4) * 0x1_0000_0000 + lowWordAt(bytes, 0)
  }

  /** An id of sixteen bytes, most significant first. */
  rawId(): StreamId {
    return idOf(this.raw(16))
  }

  /** An id of two numbers. */
  id(): StreamId {
    return { ms: this.bigNumber(), sequence: this.bigNumber() }
  }

  /** So many of something, by a count that stands before them. */
  many<T>(read: () => T): T[] {
    const all: T[] = []
    for (let left = this.count(); left > 0; left -= 1) all.push(read())
    return all
  }
}

export function idOf(bytes: Buffer): StreamId {
  return { ms: bytes.readBigUInt64BE(0), sequence: bytes.readBigUInt64BE(8) }
}

/** A score as text: what C's strtod reads, and the words for what is no number. */
export function scoreOf(text: Buffer): number {
  const word = text.toString('latin1')
  if (/^[+-]?inf(inity)?$/i.test(word)) return word.startsWith('-') ? -Infinity : Infinity
  return /^\s*$/.test(word) ? Number.NaN : Number(word)
}

function viewOf(bytes: Uint8Array, from: number, length: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, length)
}
