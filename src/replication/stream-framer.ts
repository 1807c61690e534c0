// Finds the joints of a replication stream without decoding it: where commands and transactions end, which database is
// selected, and the few commands that somebody has to hear of. A stream may be cut only between two transactions, and a
// file that begins there has to begin with the right SELECT; everything else in it is bytes that are passed on.
//
// Commands that lie whole in a chunk are crossed by `#crossWhole`, a loop without state. The one that the chunk's end
// cuts, or that is not well-formed, goes byte by byte through `#crossBytes`, which can stop and go on anywhere.
// Format: arrays of bulk strings (networking.c, processMultibulkBuffer; replication.c, replicationFeedSlaves).

import { Fault } from '../lib/fault.ts'

/** What one chunk of the stream held. Offsets are replication offsets, as in INFO: how many bytes there were so far. */
export interface Frame {
  readonly start: number // before the chunk's first byte
  readonly end: number // behind its last byte
  readonly safe: number // behind the last whole command outside of a transaction; may lie before `start`
  readonly db: number // the database selected at `safe`
  readonly commands: number // that ended in this chunk, PING and SELECT too
  readonly removed: number // keys named by DEL and UNLINK: deleted, expired and evicted ones look alike
  readonly removedFrom: number | undefined // the last safe offset before the first of them
  readonly wipes: readonly Wipe[]
  readonly getAck: number | undefined // behind the last GETACK: somebody waits for our acknowledgement
}

/** A command that takes away a whole database. */
export interface Wipe {
  readonly command: 'FLUSHALL' | 'FLUSHDB' | 'SWAPDB'
  readonly db: number
  readonly before: number // the last safe offset before it: where a restore may stop so that it never happened
  readonly dbBefore: number // the database selected there
}

export interface FramerStart {
  readonly offset: number
  readonly db: number
  readonly name: string // what the stream is called in a Fault: the server's id, a file
  readonly hasComments?: boolean // lines that begin with #, as between the commands of an append-only file (`#TS:`)
}

const STAR = 0x2a
const HASH = 0x23
const DOLLAR = 0x24
const CR = 0x0d
const LF = 0x0a
const ZERO = 0x30
const NINE = 0x39

const PLAIN = 0
const REMOVE = 1
const SELECT = 2
const MULTI = 3
const EXEC = 4
const REPLCONF = 5
const FLUSHALL = 6
const FLUSHDB = 7
const SWAPDB = 8

const KINDS: readonly (readonly [string, number])[] = [
  ['DEL', REMOVE],
  ['UNLINK', REMOVE],
  ['SELECT', SELECT],
  ['MULTI', MULTI],
  ['EXEC', EXEC],
  ['REPLCONF', REPLCONF], // towards a replica there is only REPLCONF GETACK
  ['FLUSHALL', FLUSHALL],
  ['FLUSHDB', FLUSHDB],
  ['SWAPDB', SWAPDB],
]
const LONGEST_NAME = 8
const BY_LENGTH = Array.from({ length: LONGEST_NAME + 1 }, (_none, length) =>
  KINDS.filter(([name]) => name.length === length).map(([name, kind]) => ({
    lower: Buffer.from(name.toLowerCase()),
    kind,
  })),
)
const WIPES = { [FLUSHALL]: 'FLUSHALL', [FLUSHDB]: 'FLUSHDB', [SWAPDB]: 'SWAPDB' } as const

const MOST_DIGITS = 15 // of a count or a length: what a number holds exactly

// What `#crossBytes` expects next.
const START = 0
const COUNT = 1
const COUNT_END = 2
const ITEM = 3
const LENGTH = 4
const LENGTH_END = 5
const BODY = 6
const BODY_CR = 7
const BODY_END = 8
const COMMENT = 9

const EXPECTED: readonly string[] = [
  'a command (*)',
  'the number of its words',
  'a line feed',
  'a word ($)',
  'the length of a word',
  'a line feed',
  'a word',
  'a carriage return behind the word',
  'a line feed behind the word',
  'the end of a comment',
]

export class StreamFramer {
  readonly #name: string
  readonly #hasComments: boolean
  #offset: number // behind the last chunk
  #db: number
  #safe: number
  #safeDb: number
  #inTransaction = false

  #expects = START
  #digits = 0
  #number = 0
  #count = 0 // words of the command under way
  #word = 0 // which of them
  #left = 0 // bytes of it that are still to come
  #kind = PLAIN
  readonly #short = Buffer.alloc(32) // a name, or the number behind SELECT, whose bytes come in pieces
  #kept = 0

  #commands = 0
  #removed = 0
  #removedFrom: number | undefined
  #wipes: Wipe[] = []
  #getAck: number | undefined

  /** `offset` lies between two transactions, with `db` selected. */
  constructor({ offset, db, name, hasComments = false }: FramerStart) {
    this.#name = name
    this.#hasComments = hasComments
    this.#offset = this.#safe = offset
    this.#db = this.#safeDb = db
  }

  /** Throws a Fault with the offset of the first byte that cannot be; the framer is of no use after that. */
  push(chunk: Buffer): Frame {
    this.#commands = this.#removed = 0
    this.#removedFrom = this.#getAck = undefined
    this.#wipes = []
    let at = 0
    while (at < chunk.length) {
      if (this.#expects === START) at = this.#crossWhole(chunk, at)
      if (at < chunk.length) at = this.#crossBytes(chunk, at)
    }
    const start = this.#offset
    this.#offset += chunk.length
    return {
      start,
      end: this.#offset,
      safe: this.#safe,
      db: this.#safeDb,
      commands: this.#commands,
      removed: this.#removed,
      removedFrom: this.#removedFrom,
      wipes: this.#wipes,
      getAck: this.#getAck,
    }
  }

  /** As many whole commands as there are; returns where the first one begins that is not whole or not well-formed. */
  #crossWhole(chunk: Buffer, from: number): number {
    const end = chunk.length
    let start = from
    while (start < end) {
      let at = start
      if (chunk[at++] !== STAR) return start
      let count = 0
      let byte = 0
      while (at < end && (byte = chunk[at++] as number) >= ZERO && byte <= NINE) count = count * 10 + byte - ZERO
      if (byte !== CR || at >= end || chunk[at++] !== LF || count === 0) return start
      let kind = PLAIN
      let db = 0
      for (let word = 0; word < count; word += 1) {
        if (at >= end || chunk[at++] !== DOLLAR) return start
        let length = 0
        byte = 0
        while (at < end && (byte = chunk[at++] as number) >= ZERO && byte <= NINE) length = length * 10 + byte - ZERO
        const body = at + 1
        if (byte !== CR || body + length + 2 > end || chunk[at] !== LF) return start
        if (word === 0) kind = kindOf(chunk, body, length)
        else if (kind === SELECT) db = numberOf(chunk, body, length)
        at = body + length
        if (chunk[at++] !== CR || chunk[at++] !== LF) return start
      }
      start = at
      this.#endCommand(kind, count, db, this.#offset + start)
    }
    return start
  }

  /** Goes on with the command under way until it ends or the chunk does; returns where. */
  #crossBytes(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length) {
      if (this.#expects === BODY) {
        at = this.#crossBody(chunk, at)
        continue
      }
      if (this.#expects === START && this.#hasComments && chunk[at] === HASH) this.#expects = COMMENT
      if (this.#expects === COMMENT) return this.#crossComment(chunk, at)
      if (!this.#take(chunk[at] as number)) throw this.#malformed(chunk, at)
      at += 1
      if (this.#expects === START) {
        const db = this.#kind === SELECT ? numberOf(this.#short, 0, this.#kept) : 0
        this.#endCommand(this.#kind, this.#count, db, this.#offset + at)
        return at
      }
    }
    return at
  }

  #crossComment(chunk: Buffer, from: number): number {
    const end = chunk.indexOf(LF, from)
    if (end === -1) return chunk.length
    this.#expects = START
    if (!this.#inTransaction) this.#safe = this.#offset + end + 1
    return end + 1
  }

  #crossBody(chunk: Buffer, from: number): number {
    const end = Math.min(chunk.length, from + this.#left)
    this.#left -= end - from
    const isName = this.#word === 0
    if (isName || (this.#word === 1 && this.#kind === SELECT)) {
      this.#kept += chunk.copy(this.#short, this.#kept, from, end)
      if (isName && this.#left === 0) this.#kind = kindOf(this.#short, 0, this.#kept)
    }
    if (this.#left === 0) this.#expects = BODY_CR
    return end
  }

  /** One byte of what stands between the words; false when it may not stand there. */
  #take(byte: number): boolean {
    switch (this.#expects) {
      case START:
        return this.#become(byte === STAR, COUNT)
      case COUNT:
        return this.#takeDigit(byte, COUNT_END)
      case COUNT_END:
        this.#count = this.#number
        this.#word = 0
        return this.#become(byte === LF && this.#count > 0, ITEM)
      case ITEM:
        return this.#become(byte === DOLLAR, LENGTH)
      case LENGTH:
        return this.#takeDigit(byte, LENGTH_END)
      case LENGTH_END:
        this.#left = this.#number
        if (this.#word <= 1) this.#kept = 0
        if (this.#word === 0) this.#kind = PLAIN
        return this.#become(byte === LF, this.#left === 0 ? BODY_CR : BODY)
      case BODY_CR:
        return this.#become(byte === CR, BODY_END)
      default: // BODY_END
        this.#word += 1
        return this.#become(byte === LF, this.#word === this.#count ? START : ITEM)
    }
  }

  #become(isExpected: boolean, next: number): boolean {
    if (!isExpected) return false
    this.#expects = next
    this.#digits = this.#number = 0
    return true
  }

  #takeDigit(byte: number, next: number): boolean {
    if (byte === CR && this.#digits > 0) {
      this.#expects = next
      return true
    }
    this.#digits += 1
    this.#number = this.#number * 10 + byte - ZERO
    return byte >= ZERO && byte <= NINE && this.#digits <= MOST_DIGITS
  }

  #endCommand(kind: number, words: number, db: number, offset: number): void {
    this.#commands += 1
    if (kind !== PLAIN) this.#note(kind, words, db, offset)
    if (this.#inTransaction) return
    this.#safe = offset
    this.#safeDb = this.#db
  }

  #note(kind: number, words: number, db: number, offset: number): void {
    switch (kind) {
      case REMOVE:
        this.#removedFrom ??= this.#safe
        this.#removed += words - 1
        break
      case SELECT:
        this.#db = db
        break
      case MULTI:
        this.#inTransaction = true
        break
      case EXEC:
        this.#inTransaction = false
        break
      case REPLCONF:
        this.#getAck = offset
        break
      default: {
        const command = WIPES[kind as keyof typeof WIPES]
        this.#wipes.push({ command, db: this.#db, before: this.#safe, dbBefore: this.#safeDb })
      }
    }
  }

  #malformed(chunk: Buffer, at: number): Fault {
    const found = JSON.stringify(chunk.toString('latin1', at, at + 16))
    return new Fault({
      doing: 'reading the replication stream of',
      target: this.#name,
      why: `expected ${EXPECTED[this.#expects]} and found ${found}`,
      hint: 'The stream is asked for again from the last whole transaction; if this comes back, a new base is taken.',
      offset: this.#offset + at,
    })
  }
}

/** Which of the commands that somebody has to hear of; names are compared without case. */
function kindOf(bytes: Buffer, at: number, length: number): number {
  if (length > LONGEST_NAME) return PLAIN
  const candidates = BY_LENGTH[length] as (typeof BY_LENGTH)[number]
  for (let which = 0; which < candidates.length; which += 1) {
    const { lower, kind } = candidates[which] as (typeof candidates)[number]
    let same = 0
    while (same < length && ((bytes[at + same] as number) | 0x20) === lower[same]) same += 1
    if (same === length) return kind
  }
  return PLAIN
}

function numberOf(bytes: Buffer, at: number, length: number): number {
  let value = 0
  for (let digit = at; digit < at + length; digit += 1) value = value * 10 + (bytes[digit] as number) - ZERO
  return value
}
