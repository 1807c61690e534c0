// What the bytes of an RDB mean: every value type and every opcode, by the number that stands before it, as Redis (RDB 1
// to 15) and Valkey (80, 81) write them. The two share the numbers up to 21; above that the same number means different
// things, so a table belongs to a flavour. A layout says what follows one another, which is all that skipping needs.
//
// Sources: rdb.h and rdb.c of Redis 7.0, 7.4, 8.x and of Valkey 9.0 to 9.2-dev; hash templates (Redis 8.10) as librdb
// 2.x reads them. Redis Enterprise's own opcodes: librdb's defines.h.

export type Flavour = 'redis' | 'valkey'

/** What a key is to its users. */
export const KINDS = ['string', 'list', 'set', 'zset', 'hash', 'stream', 'array', 'rate limit', 'module'] as const
export type Kind = (typeof KINDS)[number]

/** Elements of a packed string stand behind a header that says how many there are. */
export type Packing = 'listpack' | 'ziplist' | 'intset' | 'zipmap'

/** One thing in the bytes. */
export type Part =
  | 'string' // length and bytes, an integer, or LZF
  | 'text' // a string whose bytes are the elements: the value of a string key
  | 'one' // a string that is one element of more
  | 'length' // a number in the form of a length; it may use all 64 bits
  | 'elements' // the same, and it says how many elements the value has
  | 'double' // a double as text: one byte for its length, 253 to 255 for NaN and the infinities
  | 'module id'
  | 'module values' // marked one by one, up to an end mark
  | 'template' // the id of a hash template, the number of its fields, their names
  | 'template values' // the id of a hash template, then a value for each of its fields
  | 'field values' // a value for each field that was named just before
  | 'command' // a command as clients send it
  | { readonly bytes: number } // so many bytes as they are
  | Packed
  | Times
  | { readonly oneOf: readonly (readonly Part[] | undefined)[] } // which one, then that one

/** One string that holds elements: `per` entries of it make one, after the `less` first entries. */
export interface Packed {
  readonly packed: Packing
  readonly per: number
  readonly less?: number
}

/** How often, then `first` once, then `times` that often. `counted`: the number is that of the value's elements. */
export interface Times {
  readonly times: readonly Part[]
  readonly first?: readonly Part[]
  readonly counted?: true
}

export interface ValueType {
  readonly code: number
  readonly name: string // as Redis' source calls it, in lower case
  readonly kind: Kind
  readonly kindAt: number // place of the kind in KINDS
  readonly since: number // lowest RDB version whose readers know it: what a DUMP payload must say at least
  readonly layout: readonly Part[]
  readonly whole: 'text' | Packed | undefined // the layout of a value that is one string
}

const LISTPACK = (per: number): Part => ({ packed: 'listpack', per })
const RAW_ID: Part = { bytes: 16 }
const MILLISECONDS: Part = { bytes: 8 }
const ID: readonly Part[] = ['length', 'length'] // of a stream: milliseconds and sequence

/** What the versions of a stream's encoding added. */
export interface StreamNews {
  readonly counters?: boolean // 7.0: first id, largest deleted id, entries added; entries read of each group
  readonly activeTime?: boolean // 7.2: of each consumer
  readonly rejected?: boolean // 8.8: entries that were given back
  readonly producers?: boolean // 8.6: ids of idempotent producers
}

const STREAM_3: StreamNews = { counters: true, activeTime: true }

/** By the number of the type. */
export const STREAM_NEWS: Readonly<Record<number, StreamNews>> = {
  15: {},
  19: { counters: true },
  21: STREAM_3,
  26: { ...STREAM_3, producers: true },
  27: { ...STREAM_3, producers: true, rejected: true },
}

function streamLayout(code: number): readonly Part[] {
  const { counters, activeTime, rejected, producers } = STREAM_NEWS[code] ?? {}
  const pending: Part = { times: [RAW_ID, MILLISECONDS, 'length'] }
  const consumer: Part[] = ['string', MILLISECONDS, ...(activeTime ? [MILLISECONDS] : []), { times: [RAW_ID] }]
  const group: Part[] = ['string', ...ID, ...(counters ? ['length' as const] : []), pending, { times: consumer }]
  const ofProducer: Part = { times: ['string', ...ID] }
  return [
    { times: ['string', 'string'] }, // the id that a listpack starts from, and the listpack
    'elements',
    ...ID,
    ...(counters ? [...ID, ...ID, 'length' as const] : []),
    { times: [...group, ...(rejected ? [{ times: [RAW_ID] }] : [])] },
    ...(producers
      ? (['length', 'length', { times: ['string', ofProducer] }, 'length', 'length'] satisfies Part[])
      : []),
  ]
}

const FIELD_NAMES: Part = { oneOf: [[LISTPACK(1)], [{ times: ['string'], counted: true }]] }

type Row = readonly [code: number, name: string, kind: Kind, since: number, ...layout: Part[]]

const SHARED: readonly Row[] = [
  [0, 'string', 'string', 1, 'text'],
  [1, 'list', 'list', 1, { times: ['string'], counted: true }],
  [2, 'set', 'set', 1, { times: ['string'], counted: true }],
  [3, 'zset', 'zset', 1, { times: ['string', 'double'], counted: true }],
  [4, 'hash', 'hash', 1, { times: ['string', 'string'], counted: true }],
  [5, 'zset_2', 'zset', 8, { times: ['string', { bytes: 8 }], counted: true }],
  // 6 is a module's value as 4.0's release candidates wrote it: nothing in it says where it ends.
  [7, 'module_2', 'module', 8, 'module id', 'module values'],
  [9, 'hash_zipmap', 'hash', 2, { packed: 'zipmap', per: 1 }],
  [10, 'list_ziplist', 'list', 2, { packed: 'ziplist', per: 1 }],
  [11, 'set_intset', 'set', 2, { packed: 'intset', per: 1 }],
  [12, 'zset_ziplist', 'zset', 2, { packed: 'ziplist', per: 2 }],
  [13, 'hash_ziplist', 'hash', 4, { packed: 'ziplist', per: 2 }],
  [14, 'list_quicklist', 'list', 7, { times: [{ packed: 'ziplist', per: 1 }] }],
  [15, 'stream_listpacks', 'stream', 9, ...streamLayout(15)],
  [16, 'hash_listpack', 'hash', 10, LISTPACK(2)],
  [17, 'zset_listpack', 'zset', 10, LISTPACK(2)],
  [18, 'list_quicklist_2', 'list', 10, { times: [{ oneOf: [undefined, ['one'], [LISTPACK(1)]] }] }],
  [19, 'stream_listpacks_2', 'stream', 10, ...streamLayout(19)],
  [20, 'set_listpack', 'set', 11, LISTPACK(1)],
  [21, 'stream_listpacks_3', 'stream', 11, ...streamLayout(21)],
]

const ARRAY_ELEMENT: Part = { oneOf: [['string'], [{ bytes: 8 }], [{ bytes: 8 }], ['string']] }

// Hashes whose fields expire stand in time order of nothing: each field has its own time, 0 for none.
const REDIS: readonly Row[] = [
  [22, 'hash_metadata_pre_ga', 'hash', 12, { times: ['length', 'string', 'string'], counted: true }],
  [23, 'hash_listpack_ex_pre_ga', 'hash', 12, LISTPACK(3)],
  [24, 'hash_metadata', 'hash', 12, MILLISECONDS, { times: ['length', 'string', 'string'], counted: true }],
  [25, 'hash_listpack_ex', 'hash', 12, MILLISECONDS, LISTPACK(3)],
  [26, 'stream_listpacks_4', 'stream', 13, ...streamLayout(26)],
  [27, 'stream_listpacks_5', 'stream', 14, ...streamLayout(27)],
]

const REDIS_FROM_14: readonly Row[] = [
  [28, 'array', 'array', 14, { times: ['length', ARRAY_ELEMENT], first: [{ oneOf: [[], ['length']] }], counted: true }],
]

const REDIS_FROM_15: readonly Row[] = [
  [29, 'hash_tmpl_lp', 'hash', 15, FIELD_NAMES, 'string'], // in DUMP payloads, as 31; files have 30 and 32
  [30, 'hash_tmpl_lp_ref', 'hash', 15, { packed: 'listpack', per: 1, less: 1 }],
  [31, 'hash_tmpl_array', 'hash', 15, FIELD_NAMES, 'field values'],
  [32, 'hash_tmpl_array_ref', 'hash', 15, 'template values'],
  [33, 'gcra', 'rate limit', 15, 'length'],
]

// Built with a flag, 8.8 wrote its rate limits under a number that 8.10 gave to something else.
const REDIS_14: readonly Row[] = [[29, 'gcra', 'rate limit', 14, 'length']]

const VALKEY: readonly Row[] = [
  [22, 'hash_2', 'hash', 80, { times: ['string', 'string', MILLISECONDS], counted: true }], // -1: does not expire
  // 23, path_hash of 9.2, is in no released version, and its layout is not settled.
]

function tableOf(rows: readonly Row[]): readonly (ValueType | undefined)[] {
  const table: (ValueType | undefined)[] = Array.from({ length: 256 })
  for (const [code, name, kind, since, ...layout] of rows) {
    const kindAt = KINDS.indexOf(kind)
    const [first] = layout
    const isWhole = layout.length === 1 && (first === 'text' || (typeof first === 'object' && 'packed' in first))
    table[code] = { code, name, kind, kindAt, since, layout, whole: isWhole ? first : undefined }
  }
  return table
}

const TABLES = {
  valkey: tableOf([...SHARED, ...VALKEY]),
  redis14: tableOf([...SHARED, ...REDIS, ...REDIS_FROM_14, ...REDIS_14]),
  redis: tableOf([...SHARED, ...REDIS, ...REDIS_FROM_14, ...REDIS_FROM_15]),
}

/** The value types of a file by their numbers; undefined: not known, so nobody can say where such a value ends. */
export function valueTypes(flavour: Flavour, rdbVersion: number): readonly (ValueType | undefined)[] {
  if (flavour === 'valkey') return TABLES.valkey
  return rdbVersion <= 14 ? TABLES.redis14 : TABLES.redis
}

/** The opcodes that stand between entries, by name. What is not in `OPCODES_OF` of a flavour is the scanner's own. */
export const OPCODE = {
  slotNumber: 121, // Redis Enterprise
  ramLru: 107, // Redis Enterprise
  template: 242, // a hash template, Redis 8.10; with Valkey 9.2 a command
  keyMeta: 243, // Redis 8.6; with Valkey the slots that are being imported
  function: 245,
  idle: 248,
  frequency: 249,
  aux: 250,
  sizes: 251,
  expiresAtMs: 252,
  expiresAtSeconds: 253,
  database: 254,
  end: 255,
} as const

const SLOT_INFO: readonly [number, ...Part[]] = [244, 'length', 'length', 'length']
const MODULE_AUX: readonly [number, ...Part[]] = [247, 'module id', 'length', 'length', 'module values']

/** What follows the opcodes that a reader may pass over. Those of Redis Enterprise stand here too. */
export const OPCODES_OF: Readonly<Record<Flavour, readonly (readonly [number, ...Part[]])[]>> = {
  redis: [
    [OPCODE.ramLru, 'length'],
    [OPCODE.slotNumber, 'length'],
    [OPCODE.template, 'template'],
    [OPCODE.keyMeta, { times: [{ bytes: 4 }, 'module values'] }],
    SLOT_INFO,
    MODULE_AUX,
  ],
  valkey: [[OPCODE.template, 'command'], [OPCODE.keyMeta, 'string', { times: [...ID] }], SLOT_INFO, MODULE_AUX],
}
