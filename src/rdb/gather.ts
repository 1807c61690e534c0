// Strings whose bytes are wanted (keys, names, libraries of functions), which may be spread over pieces, packed, or an
// integer. No more than a limit of them is kept, so that a key of half a gigabyte costs its limit and no more.

import type { Cursor } from './cursor.ts'
import { lzfCanGrow, unpackLzf } from './lzf.ts'

export class Gather {
  bytes: Uint8Array = new Uint8Array(0) // what was read: valid until the next read, or longer when `owned`
  from = 0
  to = 0
  plainBytes = 0 // its real length, when more of it was not kept
  readonly #limit: number
  #parts: Buffer[] = []
  #missing = -1 // bytes that did not come yet; -1: none was begun
  #packed = false
  #startsAt = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Reads the string that begins at the cursor, or goes on with it. False when more bytes are needed. */
  read(cursor: Cursor): boolean {
    if (this.#missing >= 0) return this.#goOn(cursor)
    if (!cursor.head()) return false
    this.plainBytes = cursor.plainBytes
    const { bodyAt, bodyBytes, form } = cursor
    if (form === 'integer') {
      this.#take(Buffer.from(String(cursor.integer), 'latin1'))
      cursor.passString()
      return true
    }
    const startsAt = cursor.offset
    if (bodyAt + bodyBytes > cursor.end) {
      this.#startsAt = startsAt
      this.#packed = form === 'lzf'
      this.#begin(cursor)
      return false
    }
    cursor.passString()
    if (form === 'lzf') this.#unpack(cursor, cursor.bytes, bodyAt, bodyAt + bodyBytes, startsAt)
    else {
      this.bytes = cursor.bytes
      this.from = bodyAt
      this.to = bodyAt + Math.min(bodyBytes, this.#limit)
    }
    return true
  }

  #take(bytes: Uint8Array): void {
    this.bytes = bytes
    this.from = 0
    this.to = Math.min(bytes.length, this.#limit)
  }

  #begin(cursor: Cursor): void {
    this.#missing = cursor.bodyBytes
    const { bodyAt } = cursor
    cursor.passString() // refuses what the whole cannot hold
    cursor.at = Math.min(bodyAt, cursor.end)
    if (bodyAt < cursor.end) this.#keep(cursor)
  }

  #keep(cursor: Cursor): void {
    const here = Math.min(this.#missing, cursor.end - cursor.at)
    const kept = this.#parts.reduce((sum, part) => sum + part.length, 0)
    const wanted = Math.min(here, this.#limit - kept)
    if (wanted > 0) this.#parts.push(Buffer.from(cursor.bytes.subarray(cursor.at, cursor.at + wanted)))
    cursor.at += here
    this.#missing -= here
  }

  #goOn(cursor: Cursor): boolean {
    if (this.#missing > 0 && cursor.at >= cursor.end) return false
    this.#keep(cursor)
    if (this.#missing > 0) return false
    this.#missing = -1
    const whole = Buffer.concat(this.#parts)
    this.#parts = []
    if (this.#packed) this.#unpack(cursor, whole, 0, whole.length, this.#startsAt)
    else this.#take(whole)
    return true
  }

  #unpack(cursor: Cursor, bytes: Uint8Array, from: number, to: number, startsAt: number): void {
    const at = startsAt - cursor.base
    const isCut = bytes !== cursor.bytes && to - from >= this.#limit
    if (!isCut && !lzfCanGrow(to - from, this.plainBytes))
      throw cursor.wrong('a packed string', `one of ${to - from} bytes that claims to become ${this.plainBytes}`, at)
    const out = Buffer.allocUnsafe(Math.min(this.plainBytes, this.#limit))
    const written = unpackLzf(bytes, from, to, out)
    if (!isCut && written !== out.length) throw cursor.wrong('a packed string', 'one that cannot be unpacked', at)
    this.#take(written < out.length ? out.subarray(0, Math.max(0, written)) : out)
  }
}
