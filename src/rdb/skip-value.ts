// Passes over one value, whatever its size, step by step (program.ts), and counts its elements on the way. It can stop at any
// byte and go on when more bytes are there. Nothing is decoded.

import { lowWordAt, MISSING, PEEK_PACKED, type Cursor } from './cursor.ts'
import type { Packing } from './layouts.ts'
import * as does from './program.ts'
import type { Program, Step } from './program.ts'
import type { Templates } from './templates.ts'

const MOST_LOOPS = 8 // open at once: the layouts have three

export class ValueSkipper {
  elements = 0 // NaN: the value does not say
  moduleId: Buffer | undefined // the eight bytes of the id: nine letters of six bits, ten bits of version
  lastTemplate = 0 // the id of the template that was defined or used last
  readonly #cursor: Cursor
  readonly #templates: Templates
  #program: Program = []
  #next = 0
  #left = -1 // strings of STRINGS; -1: its count is not read yet
  #mark = -1 // of a module's values: it is read, what it marks is not
  readonly #loops = new Float64Array(MOST_LOOPS)
  #depth = -1

  constructor(cursor: Cursor, templates: Templates) {
    this.#cursor = cursor
    this.#templates = templates
  }

  begin(program: Program): void {
    this.#program = program
    this.#next = 0
    this.#left = -1
    this.#depth = -1
    this.#mark = -1
    this.elements = 0
    this.moduleId = undefined
  }

  /** Goes on. True at the end of the value; false when more bytes are needed. */
  run(): boolean {
    const cursor = this.#cursor
    for (;;) {
      const step = this.#program[this.#next]
      if (step === undefined || step.does === does.DONE) return cursor.at <= cursor.end
      if (cursor.at >= cursor.soft) return false
      switch (step.does) {
        case does.STRINGS:
          if (!this.#strings(step)) return false
          break
        case does.STRING:
          if (!cursor.string()) return false
          break
        case does.BYTES:
          if (!cursor.pass(step.a)) return false
          break
        case does.WHILE:
          if (this.#closes()) {
            this.#next = step.a
            continue
          }
          break
        case does.JUMP:
          this.#next = step.a
          continue
        default:
          if (!this.#other(step)) return false
      }
      this.#next += 1
    }
  }

  #strings(step: Step): boolean {
    const cursor = this.#cursor
    if (this.#left === -1) {
      const count = this.#count(step)
      if (count === MISSING) return false
      this.#left = count * step.a
    }
    let left = this.#left
    while (left > 0 && cursor.at < cursor.soft && cursor.string()) left -= 1
    this.#left = left === 0 ? -1 : left
    return left === 0
  }

  #closes(): boolean {
    const left = this.#loops[this.#depth] ?? 0
    if (left === 0) {
      this.#depth -= 1
      return true
    }
    this.#loops[this.#depth] = left - 1
    return false
  }

  #open(count: number): void {
    this.#depth += 1
    this.#loops[this.#depth] = count
  }

  /** The seldom steps. */
  #other(step: Step): boolean {
    const cursor = this.#cursor
    switch (step.does) {
      case does.TEXT:
        return this.#text()
      case does.ONE:
        if (!cursor.string()) return false
        this.elements += 1
        return true
      case does.LENGTH:
        return cursor.length() !== MISSING
      case does.ELEMENTS:
        return this.#elements()
      case does.DOUBLE:
        return this.#double()
      case does.PACKED:
        return this.#packed(step)
      case does.COUNT: {
        const count = this.#count(step)
        if (count !== MISSING) this.#open(count)
        return count !== MISSING
      }
      case does.CASE:
        return this.#choose(step)
      case does.MODULE_ID:
        return this.#moduleId()
      case does.MODULE_VALUES:
        return this.#moduleValues()
      case does.TEMPLATE:
        return this.#template()
      case does.TEMPLATE_VALUES:
        return this.#templateValues()
      case does.FIELD_VALUES:
        this.#open(this.elements)
        return true
      case does.COMMAND:
        return this.#command()
      default:
        throw new Error(`a program has no step ${step.does}`)
    }
  }

  /** How often something follows; each time takes a byte at least, so more than there are bytes is a lie. */
  #count(step: Step): number {
    const cursor = this.#cursor
    const { at } = cursor
    const count = cursor.length()
    if (count === MISSING) return count
    const room = Math.min(cursor.total, Number.MAX_SAFE_INTEGER) - cursor.offset
    if (count > room) throw cursor.wrong('a count', `${count}, for which ${Math.max(0, room)} bytes are too few`, at)
    if (step.b === 1) this.elements = count
    return count
  }

  #text(): boolean {
    const cursor = this.#cursor
    if (!cursor.head()) return false
    this.elements = cursor.plainBytes
    cursor.passString()
    return true
  }

  #elements(): boolean {
    const length = this.#cursor.length()
    if (length === MISSING) return false
    this.elements = length
    return true
  }

  #double(): boolean {
    const length = this.#cursor.byte()
    if (length === MISSING) return false
    if (length < 253) this.#cursor.jump(length)
    return true
  }

  #packed({ a: per, b: less, packing }: Step): boolean {
    const cursor = this.#cursor
    if (!cursor.head(PEEK_PACKED)) return false
    this.elements += elementsOf(cursor, packing ?? 'listpack', per, less)
    cursor.passString()
    return true
  }

  #choose({ cases = [] }: Step): boolean {
    const cursor = this.#cursor
    const { at } = cursor
    const which = cursor.length()
    if (which === MISSING) return false
    const next = cases[which]
    if (next === undefined) throw cursor.wrong('a known variant of the value', `variant ${which}`, at)
    this.#next = next - 1
    return true
  }

  #moduleId(): boolean {
    const cursor = this.#cursor
    const { at } = cursor
    if (cursor.length() === MISSING) return false
    const bytes = Buffer.alloc(8)
    Buffer.from(cursor.bytes.subarray(at + 1, cursor.at)).copy(bytes, 8 - (cursor.at - at - 1))
    this.moduleId = bytes
    return true
  }

  #moduleValues(): boolean {
    const cursor = this.#cursor
    for (;;) {
      const { at } = cursor
      if (at >= cursor.soft) return false
      if (this.#mark === -1) {
        const mark = cursor.length()
        if (mark === MISSING) return false
        if (mark === 0) return true
        if (mark > 5) throw cursor.wrong('a mark of a module’s value (0 to 5)', `${mark}`, at)
        this.#mark = mark
      }
      if (!this.#marked()) return false
      this.#mark = -1
    }
  }

  /** What a mark of a module's value stands before: an integer (1, 2), a float, a double, a string. */
  #marked(): boolean {
    if (this.#mark <= 2) return this.#cursor.length() !== MISSING
    if (this.#mark === 5) return this.#cursor.string()
    return this.#cursor.pass(this.#mark === 3 ? 4 : 8)
  }

  #template(): boolean {
    const cursor = this.#cursor
    const { at } = cursor
    const id = cursor.length()
    const fields = id === MISSING ? MISSING : cursor.length()
    if (fields === MISSING) {
      cursor.at = at
      return false
    }
    if (fields === 0 || fields > cursor.total - cursor.offset)
      throw cursor.wrong('a hash template with fields', `${fields} of them`, at)
    if (!this.#templates.add(id, fields)) throw cursor.wrong('a new hash template', `the id ${id}`, at)
    this.lastTemplate = id
    this.#open(fields)
    return true
  }

  #templateValues(): boolean {
    const cursor = this.#cursor
    const { at } = cursor
    const id = cursor.length()
    if (id === MISSING) return false
    const fields = this.#templates.fieldsOf(id)
    if (fields === undefined) throw cursor.wrong('the id of a hash template', `${id}, which there is not`, at)
    this.lastTemplate = id
    this.elements = fields
    this.#open(fields)
    return true
  }

  /** `*2\r\n$3\r\nDEL\r\n…`: what Valkey 9.2 puts between entries when it saves without a fork. */
  #command(): boolean {
    const cursor = this.#cursor
    for (;;) {
      if (this.#left === 0) {
        this.#left = -1
        return true
      }
      const { at } = cursor
      if (at >= cursor.soft) return false
      const line = lineAt(cursor)
      if (line === undefined) return false
      const expected = this.#left === -1 ? '*' : '$'
      if (!/^[*$]\d{1,15}$/.test(line) || !line.startsWith(expected))
        throw cursor.wrong(`a command (${expected}…)`, JSON.stringify(line), at)
      cursor.at = at + line.length + 2
      const number = Number(line.slice(1))
      if (expected === '$') cursor.jump(number + 2)
      this.#left = expected === '*' ? number : this.#left - 1
    }
  }
}

/** The line that begins here, without its end; undefined when it is not here whole. */
function lineAt(cursor: Cursor): string | undefined {
  const { bytes, at, end } = cursor
  const most = Math.min(end, at + 24)
  const feed = bytes.subarray(at, most).indexOf(10)
  if (feed > 0) return Buffer.from(bytes.buffer, bytes.byteOffset + at, feed - 1).toString('latin1')
  if (most < at + 24) return undefined
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, most - at).toString('latin1')
}

/** How many elements the packed string says to have that `head(PEEK_PACKED)` looked at; NaN when it does not say. */
export function elementsOf(cursor: Cursor, packing: Packing, per: number, less: number): number {
  cursor.peek()
  return Math.floor((entriesOf(cursor, packing) - less) / per)
}

function entriesOf({ seen, seenAt, seenBytes }: Cursor, packing: Packing): number {
  const at = packing === 'zipmap' ? 0 : packing === 'ziplist' ? 8 : 4
  if (packing === 'zipmap') return seenBytes > 0 && (seen[seenAt] ?? 0) < 254 ? (seen[seenAt] ?? 0) : Number.NaN
  if (seenBytes < at + (packing === 'intset' ? 4 : 2)) return Number.NaN
  const low = (seen[seenAt + at] ?? 0) | ((seen[seenAt + at + 1] ?? 0) << 8)
  if (packing === 'intset') return lowWordAt(seen, seenAt + at)
  return low < 0xffff ? low : Number.NaN
}
