// A place in bytes that arrive piece by piece, and what an RDB is made of at its smallest: lengths, strings, numbers. Each
// read either takes a whole thing and moves on, or takes nothing and says that bytes are missing; a string that is only
// passed over may end behind the piece, and then `at` does too. So nothing is copied, and nothing is ever allocated by a
// length that the bytes claim.
//
// The longest thing that must be seen at once is the head of a string with what is looked at behind it: under 64 bytes.

import { Fault } from '../lib/fault.ts'
import { unpackLzf } from './lzf.ts'

/** Not all bytes of it are here yet. */
export const MISSING = -1

/** How many bytes at a border of pieces must be held together to be sure of the next thing. */
export const LONGEST_HEAD = 64

const PEEK = 16 // bytes of a packed string that say how many entries it has
export const PEEK_PACKED = 32 // in which they are found when the string is LZF: one literal of every two bytes, at worst

/** How the string is written that was looked at last. */
export type StringForm = 'raw' | 'integer' | 'lzf'

export class Cursor {
  bytes: Uint8Array = new Uint8Array(0)
  at = 0 // may stand behind `end`: then so many bytes of the next piece are passed over
  soft = 0 // who reads one thing after another begins none at or behind it
  end = 0 // of the bytes
  base = 0 // where bytes[0] stands in the whole
  readonly target: string // what a Fault calls the whole
  readonly total: number // bytes of the whole; Infinity when nobody knows

  problem: Fault | undefined // what was found wrong last

  // Of the string that `head` looked at:
  form: StringForm = 'raw'
  bodyAt = 0 // where its bytes begin, packed or not
  bodyBytes = 0 // how many they are
  plainBytes = 0 // how many they are when unpacked; of an integer its digits
  integer = 0

  // Of what `peek` found:
  seen: Uint8Array = this.bytes
  seenAt = 0
  seenBytes = 0

  constructor(target: string, total = Infinity) {
    this.target = target
    this.total = total
  }

  /** Goes on in other bytes, of which the first stands at `base` of the whole. */
  enter(bytes: Uint8Array, at: number, soft: number, base: number): void {
    this.bytes = bytes
    this.at = at
    this.soft = soft
    this.end = bytes.length
    this.base = base
  }

  get offset(): number {
    return this.base + this.at
  }

  /** A byte, or MISSING. */
  byte(): number {
    if (this.at >= this.end) return MISSING
    const byte = this.bytes[this.at] ?? 0
    this.at += 1
    return byte
  }

  /** A number in the form of a length, or MISSING. Past 2^53 it is not exact. */
  length(): number {
    if (this.at >= this.end) return MISSING
    const { bytes, at } = this
    const first = bytes[at] ?? 0
    if (first < 64) {
      this.at += 1
      return first
    }
    const size = first < 128 ? 2 : first === 0x80 ? 5 : first === 0x81 ? 9 : 0
    if (size === 0) throw this.wrong('a length', `the byte 0x${first.toString(16)}`)
    if (at + size > this.end) return MISSING
    this.at += size
    if (size === 2) return ((first & 63) << 8) | (bytes[at + 1] ?? 0)
    const high = wordAt(bytes, at + 1)
    return size === 5 ? high : high * 0x1_0000_0000 + wordAt(bytes, at + 5)
  }

  /** Passes over so many bytes; false when none of them is here yet. */
  pass(count: number): boolean {
    if (this.at >= this.end) return false
    this.jump(count)
    return true
  }

  /** Passes over so many bytes, of which none need be here. */
  jump(count: number): void {
    if (this.at + count > this.end) this.#mustFit(this.at, count)
    this.at += count
  }

  /**
   * Looks at the string that begins here, without moving on: `form`, `bodyAt`, `bodyBytes`, `plainBytes`. False when not
   * all of its head is here, nor `peek` bytes (or all) behind it.
   */
  head(peek = 0): boolean {
    if (this.at >= this.end) return false
    const { bytes, at } = this
    const first = bytes[at] ?? 0
    if (first < 64) return this.#raw(at + 1, first, peek)
    if (first >= 0xc0) return this.#encoded(first & 63, peek)
    const length = this.length()
    const bodyAt = this.at
    this.at = at
    return length !== MISSING && this.#raw(bodyAt, length, peek)
  }

  /** Passes over the string that `head` looked at. */
  passString(): void {
    const next = this.bodyAt + this.bodyBytes
    if (next > this.end) this.#mustFit(this.bodyAt, this.bodyBytes)
    this.at = next
  }

  /** Passes over a string; false when its head is not here yet. The way that most bytes of an RDB go. */
  string(): boolean {
    if (this.at >= this.end) return false
    const { at } = this
    const first = this.bytes[at] ?? 0
    const next = at + 1 + first
    if (first < 64 && next <= this.end) {
      this.at = next
      return true
    }
    if (!this.head()) return false
    this.passString()
    return true
  }

  /**
   * Finds the first 16 bytes of the string that `head(PEEK_PACKED)` looked at, or all, unpacked: they are in `seen` from
   * `seenAt` on, `seenBytes` of them.
   */
  peek(): void {
    const here = Math.min(this.end - this.bodyAt, this.bodyBytes)
    this.seen = this.bytes
    this.seenAt = this.bodyAt
    this.seenBytes = Math.min(here, PEEK)
    if (this.form !== 'lzf') return
    const out = new Uint8Array(Math.min(PEEK, this.plainBytes))
    this.seen = out
    this.seenAt = 0
    this.seenBytes = Math.max(0, unpackLzf(this.bytes, this.bodyAt, this.bodyAt + here, out))
  }

  /** A Fault that says what was expected at `at`, and what is there. It stays in `problem`. */
  wrong(expected: string, found: string, at = this.at): Fault {
    this.problem = new Fault({
      doing: 'reading the RDB',
      target: this.target,
      offset: this.base + at,
      why: `expected ${expected}, found ${found}`,
      hint: 'From here on the bytes are damaged or cut, or they are no RDB. Take another backup.',
      retryable: false,
    })
    return this.problem
  }

  #raw(bodyAt: number, length: number, peek: number): boolean {
    if (peek > 0 && bodyAt + Math.min(peek, length) > this.end) return false
    this.form = 'raw'
    this.bodyAt = bodyAt
    this.bodyBytes = length
    this.plainBytes = length
    return true
  }

  #encoded(kind: number, peek: number): boolean {
    if (kind === 3) return this.#packed(peek)
    const size = kind === 0 ? 1 : kind === 1 ? 2 : kind === 2 ? 4 : 0
    const { bytes, at } = this
    if (size === 0) throw this.wrong('a string', `the unknown encoding ${kind}`)
    if (at + 1 + size > this.end) return false
    this.form = 'integer'
    this.bodyAt = at + 1
    this.bodyBytes = size
    this.integer = integerAt(bytes, at + 1, size)
    this.plainBytes = digitsOf(this.integer)
    return true
  }

  #packed(peek: number): boolean {
    const { at } = this
    this.at = at + 1
    const packed = this.length()
    const plain = packed === MISSING ? MISSING : this.length()
    const bodyAt = this.at
    this.at = at
    if (plain === MISSING || !this.#raw(bodyAt, packed, peek)) return false
    this.form = 'lzf'
    this.plainBytes = plain
    return true
  }

  /** Throws when so many bytes from there on are more than the whole can have. */
  #mustFit(from: number, count: number): void {
    const left = Math.min(this.total, Number.MAX_SAFE_INTEGER) - (this.base + from)
    if (count > left) throw this.wrong(`${count} bytes`, `at most ${Math.max(0, left)} before the end`)
  }
}

/** Four bytes, most significant first. */
function wordAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16)
  return (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}

/** Four bytes, least significant first: 0 to 2^32 - 1. */
export function lowWordAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
  return (low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
}

/** How many characters a whole number has in decimal. */
function digitsOf(value: number): number {
  let digits = value < 0 ? 2 : 1
  for (let left = Math.abs(value); left >= 10; left = Math.floor(left / 10)) digits += 1
  return digits
}

/** A signed integer of 1, 2 or 4 bytes, least significant first. */
function integerAt(bytes: Uint8Array, at: number, size: number): number {
  let value = 0
  for (let index = size - 1; index >= 0; index -= 1) value = (value << 8) | (bytes[at + index] ?? 0)
  const unused = 32 - size * 8
  return (value << unused) >> unused
}
