// Reads an RDB as it comes by, piece by piece, in whatever sizes: from a file, from a pipe, or beside a replication transfer
// whose bytes somebody else forwards at the same time. It passes over the values without decoding them, says of each key
// what there is to know, checks the CRC-64, and knows the byte behind which the RDB ends. Memory is bounded whatever the
// bytes claim: it keeps one key (its first MiB) and less than 64 bytes between two pieces.
//
//   const scanner = new RdbScanner({ entry: (entry) => … }, { target: 'dump.rdb' })
//   for await (const chunk of file) scanner.push(chunk)   // synchronous, and never throws for what the bytes are
//   const outcome = scanner.finish()                      // complete? checksum? problem?
//
// `push` answers how many bytes of the chunk belong to the RDB: fewer than it has means that the RDB ended in it, and
// `scanner.end` says where. A value's own bytes go to `value` when `wants` said yes, as they come.
//
// It is in one of these phases:
//   header       the nine bytes that name flavour and version                      → opcode
//   opcode       the byte that says what follows                                   → any of the next six, or checksum
//   key, value   an entry                                                          → opcode
//   pass         what follows an opcode and is of no interest                      → opcode
//   name, text   of an aux field                                                   → opcode
//   library      a library of functions                                            → opcode
//   checksum     the last eight bytes                                              → done
//   done         the RDB has ended; what follows is not ours
//   blind        something unknown or damaged came: what follows cannot be understood any more, only summed up. The last
//                eight bytes before `finish` are then taken for the checksum.

import type { Fault } from '../lib/fault.ts'
import { Crc64, type Sum } from './crc64.ts'
import { Cursor, LONGEST_HEAD, lowWordAt, MISSING, PEEK_PACKED } from './cursor.ts'
import { Entry } from './entry.ts'
import { Gather } from './gather.ts'
import { readHeader } from './header.ts'
import { Keep } from './keep.ts'
import { OPCODE, OPCODES_OF, valueTypes, type Flavour, type Packed, type ValueType } from './layouts.ts'
import { cutFault, type Phase } from './phases.ts'
import { programOf, type Program } from './program.ts'
import { elementsOf, ValueSkipper } from './skip-value.ts'
import { Templates } from './templates.ts'

/** What a scanner tells, in the order of the bytes. Everything is optional; what they throw, `push` throws. */
export interface RdbVisitor {
  header?(flavour: Flavour, rdbVersion: number): void
  aux?(name: string, value: Buffer): void // the first MiB of it
  sizes?(db: number, keys: number, expires: number): void // what the server says to expect; a hint
  library?(code: Buffer): void // of functions; the first MiB
  wants?(entry: Entry): boolean // are the value's bytes wanted? Asked when the key is known
  value?(part: Uint8Array, entry: Entry): void // bytes of the value, in order; they are overwritten after the call
  entry?(entry: Entry): void // the key has passed; the object is used again for the next
}

export interface ScannerOptions {
  readonly target?: string // what a Fault calls the bytes: 'dump.rdb'
  readonly bytes?: number // how many there are, when that is known: lengths past it are seen at once
  readonly keepBytes?: number // of a key, an aux field, a library; 1 MiB when absent
  readonly sum?: Sum // who sums up; the scanner itself when absent
}

export interface RdbOutcome {
  readonly flavour: Flavour // by the header: what the numbers in it mean
  readonly rdbVersion: number
  readonly complete: boolean // every byte up to the end was understood
  readonly checksum: 'ok' | 'absent' | 'bad'
  readonly analysedBytes: number // understood, from the beginning
  readonly end: number | undefined // bytes of the RDB, checksum included; undefined when its end was not seen
  readonly unknown: { readonly code: number; readonly offset: number } | undefined // a type or opcode that nobody knows here
  readonly problem: Fault | undefined // what is malformed, or cut
}

const MIB = 1024 * 1024
const CHECKSUM_SINCE = 5 // RDB version, of Redis 2.6

export class RdbScanner {
  readonly #visitor: RdbVisitor
  readonly #cursor: Cursor
  readonly #gather: Gather
  readonly #templates = new Templates()
  readonly #skipper: ValueSkipper
  readonly #crc: Sum
  readonly #entry: Entry
  #phase: Phase = 'header'
  #flavour: Flavour = 'redis'
  #rdbVersion = 0
  #types: readonly (ValueType | undefined)[] = []
  #programs: readonly (Program | undefined)[] = [] // of the types, by their numbers
  #passing = new Map<number, Program>() // of the opcodes that are passed over
  #border = Buffer.alloc(0) // what could not be understood yet at the end of the last chunk
  #arrived = 0 // bytes that were pushed
  #ahead = 0 // bytes of the next chunk that are passed over
  #sumEnds = Infinity // where the checksum begins
  #last = Buffer.alloc(0) // when blind: the last eight bytes, not summed up yet
  #stored = Buffer.alloc(0) // the checksum as it stands in the RDB
  #end: number | undefined
  #unknown: RdbOutcome['unknown']
  #problem: Fault | undefined
  #startsAt = 0 // where the opcode stands whose things are being read
  #keyAt = 0
  #auxName = ''
  #expectedKeys = 0
  #passed = 0 // the opcode whose bytes are kept
  #keepFrom = -1 // in the bytes at hand: where those begin that somebody wants and was not given yet; -1: none
  #keep: Keep | undefined // who wants them: undefined is the visitor, for the value

  constructor(visitor: RdbVisitor, options: ScannerOptions = {}) {
    const { target = 'the stream', bytes, keepBytes = MIB, sum = new Crc64() } = options
    this.#visitor = visitor
    this.#crc = sum
    this.#cursor = new Cursor(target, bytes)
    this.#gather = new Gather(keepBytes)
    this.#skipper = new ValueSkipper(this.#cursor, this.#templates)
    const [string] = valueTypes('redis', 1)
    if (string === undefined) throw new Error('the table of types is empty')
    this.#entry = new Entry(string, this.#templates)
  }

  /** How many bytes the RDB has, as soon as its last one was pushed. */
  get end(): number | undefined {
    return this.#end
  }

  /** Takes the next bytes; they may be overwritten after the call. Answers how many of them belong to the RDB. */
  push(chunk: Uint8Array): number {
    if (this.#phase === 'done') return 0
    const startsAt = this.#arrived
    if (this.#phase !== 'blind') this.#understand(chunk)
    const taken = this.#end === undefined ? chunk.length : this.#end - startsAt
    this.#arrived += taken
    this.#sum(chunk.subarray(0, taken), startsAt)
    return taken
  }

  /** No more bytes will come. */
  finish(): RdbOutcome {
    if (this.#phase !== 'blind' && this.#phase !== 'done')
      this.#problem = cutFault(this.#phase, this.#cursor.target, this.#arrived, this.#startsAt)
    return {
      flavour: this.#flavour,
      rdbVersion: this.#rdbVersion,
      complete: this.#phase === 'done',
      checksum: this.#judge(this.#phase === 'blind' ? this.#last : this.#stored),
      analysedBytes: this.#end ?? (this.#phase === 'opcode' ? this.#cursor.offset : this.#startsAt),
      end: this.#end,
      unknown: this.#unknown,
      problem: this.#problem,
    }
  }

  #judge(stored: Buffer): RdbOutcome['checksum'] {
    const isNone = this.#rdbVersion < CHECKSUM_SINCE || stored.every((byte) => byte === 0)
    if (isNone) return 'absent' // zeros, or none: the server was told not to sum up (rdbchecksum no)
    return stored.equals(this.#crc.digest()) ? 'ok' : 'bad'
  }

  #sum(bytes: Uint8Array, startsAt: number): void {
    if (this.#phase !== 'blind') {
      const to = Math.min(bytes.length, this.#sumEnds - startsAt)
      if (to > 0) this.#crc.add(bytes, 0, to)
      return
    }
    const held = bytes.length < 8 ? Buffer.concat([this.#last, bytes]) : this.#last
    const rest = bytes.length < 8 ? held : bytes
    const to = Math.max(0, rest.length - 8)
    if (rest === bytes) this.#crc.add(held)
    this.#crc.add(rest, 0, to)
    this.#last = Buffer.from(rest.subarray(to))
  }

  #understand(chunk: Uint8Array): void {
    let from = this.#ahead
    let keepFrom = 0
    const before = this.#border.length
    if (before > 0) {
      keepFrom = Math.min(chunk.length, LONGEST_HEAD)
      const joined = Buffer.concat([this.#border, chunk.subarray(0, keepFrom)])
      this.#run(joined, 0, { soft: before, base: this.#arrived - before, keepFrom: 0 })
      this.#border = this.#cursor.at < before ? joined : Buffer.alloc(0)
      if (this.#border.length > 0 || this.#phase === 'done' || this.#phase === 'blind') return
      from = this.#cursor.at - before
    }
    this.#run(chunk, from, { soft: chunk.length, base: this.#arrived, keepFrom: Math.min(from, keepFrom) })
    const { at, end } = this.#cursor
    this.#ahead = Math.max(0, at - end)
    if (at < end && this.#phase !== 'done' && this.#phase !== 'blind') this.#border = Buffer.from(chunk.subarray(at))
  }

  #run(
    bytes: Uint8Array,
    from: number,
    { soft, base, keepFrom }: { soft: number; base: number; keepFrom: number },
  ): void {
    const cursor = this.#cursor
    cursor.enter(bytes, from, soft, base)
    if (this.#keepFrom !== -1) this.#keepFrom = keepFrom
    try {
      while (cursor.at < cursor.soft && this.#step());
    } catch (error) {
      if (error !== cursor.problem) throw error // a visitor's own
      this.#problem = cursor.problem
      this.#keepFrom = -1
      this.#phase = 'blind'
      return
    }
    if (this.#keepFrom !== -1) this.#hand(Math.min(cursor.at, cursor.end))
    if (this.#phase === 'value' && this.#entry.keyIn === bytes) this.#entry.ownKey()
  }

  /** Goes one phase on; false when that needs more bytes, or the end has come. */
  #step(): boolean {
    switch (this.#phase) {
      case 'opcode':
        return this.#opcode()
      case 'key':
        return this.#key()
      case 'value':
        return this.#value()
      case 'pass':
        return this.#pass()
      case 'header':
        return this.#header()
      case 'name':
      case 'text':
        return this.#aux()
      case 'library':
        return this.#library()
      case 'checksum':
        return this.#readChecksum()
      case 'done':
      case 'blind':
        return false
    }
  }

  #header(): boolean {
    const cursor = this.#cursor
    const header = readHeader(cursor)
    if (header === undefined) return false
    const { flavour, rdbVersion } = header
    this.#flavour = flavour
    this.#rdbVersion = rdbVersion
    this.#types = valueTypes(flavour, rdbVersion)
    this.#programs = this.#types.map((type) => type && programOf(type.layout))
    this.#passing = new Map(OPCODES_OF[flavour].map(([code, ...parts]) => [code, programOf(parts)]))
    this.#visitor.header?.(flavour, rdbVersion)
    this.#phase = 'opcode'
    return true
  }

  #opcode(): boolean {
    const cursor = this.#cursor
    const { at } = cursor
    const code = cursor.byte()
    this.#startsAt = cursor.base + at
    const type = this.#types[code]
    if (type === undefined) {
      if (this.#special(code)) return true
      cursor.at = at
      return false
    }
    this.#entry.type = type
    this.#entry.offset = this.#startsAt
    if (type.whole !== undefined && this.#wholeEntry(type.whole)) return true
    this.#keyAt = this.#startsAt + 1
    this.#phase = 'key'
    return true
  }

  /** The short way of most entries: one whose value is one string, and all of which is here. Else nothing is taken. */
  #wholeEntry(value: 'text' | Packed): boolean {
    const cursor = this.#cursor
    const { at, bytes, end } = cursor
    const keyLength = bytes[at] ?? 0
    const valueAt = at + 1 + keyLength
    if (keyLength > 63 || valueAt >= end || this.#visitor.wants !== undefined) return false
    cursor.at = valueAt
    if (!cursor.head(PEEK_PACKED) || cursor.bodyAt + cursor.bodyBytes > end) {
      cursor.at = at
      return false
    }
    const entry = this.#entry
    const { plainBytes } = cursor
    entry.elements = value === 'text' ? plainBytes : elementsOf(cursor, value.packed, value.per, value.less ?? 0)
    cursor.passString()
    entry.setKey(bytes, at + 1, valueAt)
    entry.keyLength = keyLength
    entry.bytes = cursor.at - at
    entry.moduleId = undefined
    this.#tell()
    return true
  }

  #tell(): void {
    const entry = this.#entry
    this.#visitor.entry?.(entry)
    entry.expiresAtMs = undefined
    entry.idleSeconds = undefined
    entry.frequency = undefined
    entry.meta = undefined
  }

  /** What is no type. False when more bytes are needed, or nobody knows what it is. */
  #special(code: number): boolean {
    const cursor = this.#cursor
    switch (code) {
      case OPCODE.expiresAtMs:
        return this.#expiry(8, 1)
      case OPCODE.expiresAtSeconds:
        return this.#expiry(4, 1000)
      case OPCODE.database:
        return this.#set((db) => (this.#entry.db = db))
      case OPCODE.idle:
        return this.#set((seconds) => (this.#entry.idleSeconds = seconds))
      case OPCODE.frequency:
        if (cursor.at >= cursor.end) return false
        this.#entry.frequency = cursor.byte()
        return true
      case OPCODE.sizes:
        return this.#set((keys) => (this.#expectedKeys = keys)) && this.#set((expires) => this.#sizes(expires))
      case OPCODE.aux:
        this.#phase = 'name'
        return true
      case OPCODE.function:
        this.#phase = 'library'
        return true
      case OPCODE.end:
        this.#sumEnds = cursor.offset
        this.#phase = 'checksum'
        if (this.#rdbVersion < CHECKSUM_SINCE) this.#endHere()
        return true
      default:
        return this.#beginPass(code)
    }
  }

  #set(use: (value: number) => void): boolean {
    const value = this.#cursor.length()
    if (value === MISSING) return false
    use(value)
    return true
  }

  #sizes(expires: number): void {
    this.#visitor.sizes?.(this.#entry.db, this.#expectedKeys, expires)
  }

  #expiry(size: 4 | 8, unitMs: number): boolean {
    const { bytes, at, end } = this.#cursor
    if (at + size > end) return false
    this.#cursor.at = at + size
    const low = lowWordAt(bytes, at)
    this.#entry.expiresAtMs = size === 4 ? low * unitMs : lowWordAt(bytes, at + 4) * 0x1_0000_0000 + low
    return true
  }

  #beginPass(code: number): boolean {
    const program = this.#passing.get(code)
    if (program === undefined) {
      this.#unknown = { code, offset: this.#startsAt }
      this.#phase = 'blind'
      return false
    }
    this.#skipper.begin(program)
    this.#phase = 'pass'
    if (this.#flavour === 'redis' && (code === OPCODE.template || code === OPCODE.keyMeta)) {
      this.#passed = code
      this.#keep = new Keep(MIB)
      this.#keepFrom = this.#cursor.at
    }
    return true
  }

  #pass(): boolean {
    if (!this.#skipper.run()) return false
    if (this.#keep !== undefined) {
      this.#hand(this.#cursor.at)
      const kept = this.#keep.take()
      if (this.#passed === OPCODE.keyMeta) this.#entry.meta = kept
      else if (kept !== undefined) this.#templates.define(this.#skipper.lastTemplate, kept)
      this.#keep = undefined
      this.#keepFrom = -1
    }
    this.#phase = 'opcode'
    return true
  }

  #key(): boolean {
    const gather = this.#gather
    if (!gather.read(this.#cursor)) return false
    const entry = this.#entry
    entry.setKey(gather.bytes, gather.from, gather.to)
    entry.keyLength = gather.plainBytes
    const program = this.#programs[entry.type.code]
    if (program !== undefined) this.#skipper.begin(program)
    this.#phase = 'value'
    if (this.#visitor.wants?.(entry) === true) this.#keepFrom = this.#cursor.at
    return true
  }

  #value(): boolean {
    const skipper = this.#skipper
    if (!skipper.run()) return false
    const cursor = this.#cursor
    const entry = this.#entry
    if (this.#keepFrom !== -1) {
      this.#hand(cursor.at)
      this.#keepFrom = -1
    }
    entry.bytes = cursor.offset - this.#keyAt
    entry.elements = skipper.elements
    entry.moduleId = skipper.moduleId
    this.#phase = 'opcode'
    this.#tell()
    return true
  }

  /** Gives the bytes up to `to` to who wants them. */
  #hand(to: number): void {
    const { bytes } = this.#cursor
    if (to <= this.#keepFrom) return
    const part = bytes.subarray(this.#keepFrom, to)
    if (this.#keep === undefined) this.#visitor.value?.(part, this.#entry)
    else this.#keep.add(part)
    this.#keepFrom = to
  }

  #aux(): boolean {
    const gather = this.#gather
    if (!gather.read(this.#cursor)) return false
    const text = Buffer.from(gather.bytes.subarray(gather.from, gather.to))
    if (this.#phase === 'name') {
      this.#auxName = text.toString()
      this.#phase = 'text'
      return true
    }
    this.#phase = 'opcode'
    this.#visitor.aux?.(this.#auxName, text)
    return true
  }

  #library(): boolean {
    const gather = this.#gather
    if (!gather.read(this.#cursor)) return false
    this.#phase = 'opcode'
    this.#visitor.library?.(Buffer.from(gather.bytes.subarray(gather.from, gather.to)))
    return true
  }

  #readChecksum(): boolean {
    const cursor = this.#cursor
    const { at, bytes } = cursor
    if (at + 8 > cursor.end) return false
    this.#stored = Buffer.from(bytes.subarray(at, at + 8))
    cursor.at = at + 8
    this.#endHere()
    return true
  }

  #endHere(): void {
    this.#end = this.#cursor.offset
    this.#phase = 'done'
  }
}
