// Reads replies (RESP2) out of the pieces in which a socket brings them. Most pieces hold whole replies, and a sample has
// a thousand small numbers in them, so they are read where they stand; only the element that a piece breaks off in is
// copied. Every element is read once, however long the reply is, and no length that somebody claims is believed before
// as much has come.
// Source: https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP version 2)

import { arrayWithRoom } from '../lib/room.ts'

export type Reply = string | number | null | Reply[]

/** An array that lacks elements. */
interface Unfinished {
  readonly items: Reply[]
  readonly length: number // that it will have
  filled: number
}

export const MOST_REPLY_BYTES = 64 * 2 ** 20 // CLIENT LIST of a hundred thousand clients is 35 MB
const DEEPEST = 4_096 // arrays in arrays
const MOST_ROOM = 1_024 // that an array gets before its elements come

export class ReplyReader {
  readonly #take: (reply: Reply, refusal: string | undefined) => void
  readonly #arrays: Unfinished[] = [] // the outermost first
  #refusal: string | undefined // an error in the reply under way
  #replyBytes = 0 // that came since the last whole reply
  #held = Buffer.alloc(0) // the beginning of an element
  #heldBytes = 0
  #wanted = 0 // bytes of that element; 0 while its first line is not whole

  /** `take` is called for each reply; `refusal` is the text of an error reply, or of the first error within the reply. */
  constructor(take: (reply: Reply, refusal: string | undefined) => void) {
    this.#take = take
  }

  /** Takes the first `length` bytes of `chunk`, and keeps no reference to it. Throws when they are not what a Redis says. */
  push(chunk: Buffer, length = chunk.length): void {
    this.#replyBytes += length
    let at = 0
    while (this.#heldBytes > 0) {
      if (at === length) return this.#limit()
      at = this.#complete(chunk, at, length)
    }
    at = this.#read(chunk, at, length)
    if (at < length) this.#hold(chunk, at, length)
    this.#limit()
  }

  #limit(): void {
    if (this.#replyBytes > MOST_REPLY_BYTES) throw new Error('more than 64 MiB in one answer')
  }

  /** Reads elements up to the one that is not whole, and answers where that begins. */
  #read(bytes: Buffer, from: number, end: number): number {
    let at = from
    while (at < end) {
      const kind = bytes[at] as number
      if (kind === PLUS || kind === MINUS) {
        const lineEnd = bytes.indexOf(RETURN, at)
        if (lineEnd === -1 || lineEnd + 1 >= end) return at
        demandLineEnd(bytes, lineEnd)
        const text = textOf(bytes, at + 1, lineEnd)
        if (kind === MINUS) this.#refusal ??= text
        this.#give(text)
        at = lineEnd + 2
        continue
      }
      if (kind !== COLON && kind !== DOLLAR && kind !== STAR) throw strange(bytes, at, end)
      // The number in the line: of an integer its value, of the two others how much follows.
      let next = at + 1
      const isNegative = bytes[next] === MINUS && next < end
      if (isNegative) next += 1
      let value = 0
      for (; next < end; next += 1) {
        const digit = (bytes[next] as number) - ZERO
        if (digit < 0 || digit > 9) break
        value = value * 10 + digit
      }
      if (next + 1 >= end) return at
      demandLineEnd(bytes, next)
      next += 2
      if (kind === COLON) this.#give(isNegative ? -value : value)
      else if (isNegative) this.#give(null)
      else if (kind === STAR) this.#openArray(value)
      else {
        if (value > MOST_REPLY_BYTES) throw new Error('more than 64 MiB in one answer')
        this.#wanted = next - at + value + 2
        if (at + this.#wanted > end) return at
        this.#give(textOf(bytes, next, next + value))
        next += value
        demandLineEnd(bytes, next)
        next += 2
      }
      this.#wanted = 0
      at = next
    }
    return at
  }

  #openArray(length: number): void {
    if (length === 0) return this.#give([])
    if (this.#arrays.length === DEEPEST) throw new Error(`more than ${DEEPEST} arrays in each other`)
    this.#arrays.push({ items: arrayWithRoom<Reply>(Math.min(length, MOST_ROOM)), length, filled: 0 })
  }

  #give(element: Reply): void {
    let given = element
    for (let last = this.#arrays.at(-1); last !== undefined; last = this.#arrays.at(-1)) {
      last.items[last.filled] = given
      last.filled += 1
      if (last.filled < last.length) return
      given = last.items
      this.#arrays.pop()
    }
    const refusal = this.#refusal
    this.#refusal = undefined
    this.#replyBytes = 0
    this.#take(given, refusal)
  }

  /** Keeps what has come of an element. */
  #hold(chunk: Buffer, from: number, to: number): void {
    const needed = this.#heldBytes + to - from
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * needed, SMALL)) // doubled, so that a long one is not copied for ever
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    chunk.copy(this.#held, this.#heldBytes, from, to)
    this.#heldBytes = needed
  }

  /** Adds to the element that is held what it lacks, and reads it when it is whole. Answers where the chunk goes on. */
  #complete(chunk: Buffer, from: number, end: number): number {
    const newline = this.#wanted > 0 ? -1 : chunk.indexOf(NEWLINE, from)
    const lacks = this.#wanted > 0 ? this.#wanted - this.#heldBytes : newline === -1 ? Infinity : newline + 1 - from
    const to = Math.min(from + lacks, end)
    this.#hold(chunk, from, to)
    if (to - from < lacks) return to
    const held = this.#heldBytes
    if (this.#read(this.#held, 0, held) < held) return to // a first line became whole, and says what else is wanted
    this.#heldBytes = 0
    if (this.#held.length > SMALL) this.#held = Buffer.alloc(0)
    return to
  }
}

const [PLUS, MINUS, COLON, DOLLAR, STAR] = [43, 45, 58, 36, 42]
const [RETURN, NEWLINE, ZERO] = [13, 10, 48]
const SMALL = 4_096

function demandLineEnd(bytes: Buffer, at: number): void {
  if (bytes[at] !== RETURN || bytes[at + 1] !== NEWLINE) throw strange(bytes, at, at + 1)
}

function strange(bytes: Buffer, from: number, end: number): Error {
  return new Error(
    `not an answer of a Redis: ${JSON.stringify(bytes.toString('latin1', from, Math.min(end, from + 20)))}`,
  )
}

// Most bulk strings are short words that come again and again (the names of commands and fields): one that is remembered
// is not made anew. A direct-mapped table; two words of one place push each other out, which costs what it cost before.
const LONGEST_WORD = 32
const words: string[] = Array.from({ length: 1_024 }, () => '')

function textOf(bytes: Buffer, from: number, to: number): string {
  const length = to - from
  if (length === 0) return ''
  if (length > LONGEST_WORD) return bytes.toString('utf8', from, to)
  let hash = length
  for (let at = from; at < to; at += 1) hash = (hash * 31 + (bytes[at] as number)) & 0xff_ffff
  const place = (hash ^ (hash >>> 12)) & (words.length - 1)
  const known = words[place] as string
  if (known.length === length && isText(bytes, from, known)) return known
  const made = bytes.toString('utf8', from, to)
  words[place] = made
  return made
}

/** Are the bytes this text? Never for one that is not ASCII: its characters are others than its bytes, or fewer. */
function isText(bytes: Buffer, from: number, text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (bytes[from + at] !== text.charCodeAt(at)) return false
  return true
}
