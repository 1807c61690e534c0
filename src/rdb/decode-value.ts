// Decodes the value of one key, from the bytes that a scanner handed out or from a DUMP payload, into plain lists of plain
// bytes. What is malformed is a Fault with its place. Values of modules cannot be decoded: only the module knows them.

import { decodeStream } from './decode-stream.ts'
import type { Packing, ValueType } from './layouts.ts'
import { packedEntries, PackedWrong } from './packed.ts'
import type { Templates } from './templates.ts'
import { scoreOf, ValueReader } from './value-reader.ts'
import type { HashField, RdbValue, ScoredMember } from './values.ts'

export interface RawValue {
  readonly type: ValueType
  readonly value: Uint8Array // all of it, as it stands behind the key
  readonly templates?: Templates // of the RDB that it comes from
  readonly target?: string // what a Fault calls the bytes
  readonly base?: number // where the value stands in them
}

type Decode = (reader: ValueReader, templates: Templates | undefined) => RdbValue

/** The value, or undefined when its type can be passed over and not decoded. */
export function decodeValue(raw: RawValue): RdbValue | undefined {
  const { type, value, templates, target = 'a value', base = 0 } = raw
  const decode = type.kind === 'stream' ? undefined : DECODERS[type.name]
  if (decode === undefined && type.kind !== 'stream') return undefined
  const reader = new ValueReader(value, target, base)
  try {
    const decoded = decode === undefined ? decodeStream(reader, type.code) : decode(reader, templates)
    if (!reader.isAtEnd) throw new PackedWrong('the end of the value', `${value.length - reader.cursor.at} bytes more`)
    return decoded
  } catch (error) {
    throw error instanceof PackedWrong ? reader.cursor.wrong(error.expected, error.found) : error
  }
}

const list = (elements: readonly Buffer[]): RdbValue => ({ kind: 'list', elements })
const set = (members: readonly Buffer[]): RdbValue => ({ kind: 'set', members })
const zset = (members: readonly ScoredMember[]): RdbValue => ({ kind: 'zset', members })
const hash = (fields: readonly HashField[]): RdbValue => ({ kind: 'hash', fields })

const DECODERS: Readonly<Record<string, Decode>> = {
  string: (reader) => ({ kind: 'string', value: reader.string() }),

  list: (reader) => list(reader.many(() => reader.string())),
  list_ziplist: (reader) => list(packed(reader, 'ziplist')),
  list_quicklist: (reader) => list(reader.many(() => packed(reader, 'ziplist')).flat()),
  list_quicklist_2: (reader) => list(reader.many(() => quicklistNode(reader)).flat()),

  set: (reader) => set(reader.many(() => reader.string())),
  set_intset: (reader) => set(packed(reader, 'intset')),
  set_listpack: (reader) => set(packed(reader, 'listpack')),

  zset: (reader) => zset(reader.many(() => ({ member: reader.string(), score: reader.textDouble() }))),
  zset_2: (reader) => zset(reader.many(() => ({ member: reader.string(), score: reader.double() }))),
  zset_ziplist: (reader) => zset(scored(packed(reader, 'ziplist'))),
  zset_listpack: (reader) => zset(scored(packed(reader, 'listpack'))),

  hash: (reader) => hash(reader.many(() => field(reader.string(), reader.string()))),
  hash_zipmap: (reader) => hash(pairs(packed(reader, 'zipmap'))),
  hash_ziplist: (reader) => hash(pairs(packed(reader, 'ziplist'))),
  hash_listpack: (reader) => hash(pairs(packed(reader, 'listpack'))),
  hash_metadata_pre_ga: (reader) => hash(reader.many(() => timedField(reader, 1))),
  hash_listpack_ex_pre_ga: (reader) => hash(timedFields(packed(reader, 'listpack'))),
  hash_metadata: (reader) => {
    const earliest = reader.milliseconds() // what the times of the fields count from
    return hash(reader.many(() => timedField(reader, earliest)))
  },
  hash_listpack_ex: (reader) => {
    reader.milliseconds() // the earliest time, once more
    return hash(timedFields(packed(reader, 'listpack')))
  },
  hash_2: (reader) => hash(reader.many(() => valkeyField(reader))),
  hash_tmpl_lp: (reader) => hash(named(fieldNames(reader), packed(reader, 'listpack').slice(1))),
  hash_tmpl_array: (reader) => {
    const names = fieldNames(reader)
    return hash(names.map((name) => field(name, reader.string())))
  },
  hash_tmpl_lp_ref: (reader, templates) => {
    const [id, ...values] = packed(reader, 'listpack')
    return hash(named(namesOf(templates, Number(id?.toString('latin1'))), values))
  },
  hash_tmpl_array_ref: (reader, templates) => {
    const names = namesOf(templates, reader.number())
    return hash(names.map((name) => field(name, reader.string())))
  },

  array: (reader) => {
    const count = reader.count()
    const insertAt = reader.number() === 1 ? reader.bigNumber() : undefined
    return { kind: 'array', elements: Array.from({ length: count }, () => arrayElement(reader)), insertAt }
  },
  gcra: (reader) => ({ kind: 'rate limit', arrivalUs: reader.bigNumber() }),
}

function packed(reader: ValueReader, packing: Packing): Buffer[] {
  return packedEntries(packing, reader.string())
}

function quicklistNode(reader: ValueReader): Buffer[] {
  const container = reader.number()
  if (container === 1) return [reader.string()]
  if (container === 2) return packed(reader, 'listpack')
  throw new PackedWrong('a node of a list, plain (1) or packed (2)', String(container))
}

function field(name: Buffer, value: Buffer, expiresAtMs?: number): HashField {
  return { field: name, value, expiresAtMs }
}

/** Groups entries by so many; there must be none left over. */
function groups(entries: readonly Buffer[], size: number): Buffer[][] {
  if (entries.length % size !== 0) throw new PackedWrong(`entries by ${size}`, `${entries.length} of them`)
  return Array.from({ length: entries.length / size }, (_, at) => entries.slice(at * size, (at + 1) * size))
}

const EMPTY = Buffer.alloc(0)

function pairs(entries: readonly Buffer[]): HashField[] {
  return groups(entries, 2).map(([name = EMPTY, value = EMPTY]) => field(name, value))
}

function scored(entries: readonly Buffer[]): ScoredMember[] {
  return groups(entries, 2).map(([member = EMPTY, score = EMPTY]) => ({ member, score: scoreOf(score) }))
}

/** Field, value and the time at which it expires; 0: it does not. */
function timedFields(entries: readonly Buffer[]): HashField[] {
  return groups(entries, 3).map(([name = EMPTY, value = EMPTY, time = EMPTY]) => {
    const expiresAtMs = Number(time.toString('latin1'))
    return field(name, value, expiresAtMs === 0 ? undefined : expiresAtMs)
  })
}

/** A field that has its time in front, counted from `earliest` and one more; 0: it does not expire. */
function timedField(reader: ValueReader, earliest: number): HashField {
  const time = reader.number()
  const expiresAtMs = time === 0 ? undefined : time + earliest - 1
  return field(reader.string(), reader.string(), expiresAtMs)
}

function valkeyField(reader: ValueReader): HashField {
  const name = reader.string()
  const value = reader.string()
  const expiresAtMs = reader.milliseconds()
  return field(name, value, expiresAtMs === -1 ? undefined : expiresAtMs)
}

/** The names of a hash that carries its template: packed in one, or one by one. */
function fieldNames(reader: ValueReader): Buffer[] {
  const form = reader.number()
  if (form === 0) return packed(reader, 'listpack')
  if (form === 1) return reader.many(() => reader.string())
  throw new PackedWrong('field names, packed (0) or not (1)', String(form))
}

function namesOf(templates: Templates | undefined, id: number): Buffer[] {
  const definition = templates?.definitionOf(id)
  if (definition === undefined) throw new PackedWrong('the id of a hash template whose fields are known', String(id))
  const reader = new ValueReader(definition, `the hash template ${id}`, 0)
  reader.number()
  return reader.many(() => reader.string())
}

function named(names: readonly Buffer[], values: readonly Buffer[]): HashField[] {
  if (names.length !== values.length) throw new PackedWrong(`${names.length} values`, String(values.length))
  return names.map((name, at) => field(name, values[at] ?? EMPTY))
}

function arrayElement(reader: ValueReader): { index: bigint; value: Buffer } {
  const index = reader.bigNumber()
  const form = reader.number()
  if (form === 1) return { index, value: Buffer.from(String(reader.raw(8).readBigInt64LE()), 'latin1') }
  if (form === 2) return { index, value: Buffer.from(String(reader.double()), 'latin1') }
  if (form === 0 || form === 3) return { index, value: reader.string() }
  throw new PackedWrong('an element of an array', `the unknown form ${form}`)
}
