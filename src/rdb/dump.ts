// DUMP payloads: what RESTORE takes is the value of an RDB entry with its type before it, and behind it an RDB version and
// a CRC-64. RESTORE refuses a version above its own and looks at nothing else of it, so a payload made here says the lowest
// version that knows the type: then it also goes into older servers. The time a key expires is no part of it: that is an
// argument of RESTORE (ABSTTL). Source: cluster.c createDumpPayload and verifyDumpPayload of Redis 7.0 and 8.x.

import { Fault } from '../lib/fault.ts'
import { crc64 } from './crc64.ts'
import { Cursor } from './cursor.ts'
import { OPCODE, OPCODES_OF, valueTypes, type Flavour, type Part, type ValueType } from './layouts.ts'
import { packedEntries } from './packed.ts'
import { programOf } from './program.ts'
import { ValueSkipper } from './skip-value.ts'
import { Templates } from './templates.ts'
import { ValueReader } from './value-reader.ts'

const FOOTER = 10 // two bytes of version, eight of checksum
const VALKEY_SINCE = 80 // there is no magic in a payload, so Valkey's versions begin where Redis' are not to go

export interface DumpParts {
  readonly type: ValueType
  readonly value: Uint8Array // as it stands in the RDB
  readonly meta?: Uint8Array | undefined // what modules attached to the key (Redis 8.6); left out when absent
  readonly templates?: Templates // of the RDB, for hashes that name one
}

/** The payload of a value of an RDB, or undefined when its hash template is not known. */
export function dumpPayload({ type, value, meta, templates }: DumpParts): Buffer | undefined {
  const self = withTemplate(type, value, templates)
  if (self === undefined) return undefined
  const attached = meta === undefined ? [] : [Buffer.of(OPCODE.keyMeta), meta]
  const version = Buffer.alloc(2)
  version.writeUInt16LE(Math.max(type.since, attached.length > 0 ? 13 : 1))
  const body = Buffer.concat([...attached, ...self, version])
  return Buffer.concat([body, crc64(body)])
}

/** Type and value; a hash that names a template of its file must carry the names itself. */
function withTemplate(
  type: ValueType,
  value: Uint8Array,
  templates: Templates | undefined,
): readonly Uint8Array[] | undefined {
  const isPacked = type.name === 'hash_tmpl_lp_ref'
  if (!isPacked && type.name !== 'hash_tmpl_array_ref') return [Buffer.of(type.code), value]
  const reader = new ValueReader(value, 'a hash', 0)
  const id = isPacked ? Number(packedEntries('listpack', reader.string())[0]?.toString()) : reader.number()
  const names = templates?.definitionOf(id)
  if (names === undefined) return undefined
  const definition = new ValueReader(names, 'a hash template', 0)
  definition.number()
  // The type that carries its names has the number before. A form of 1: they are not packed.
  const head = Buffer.of(type.code - 1, 1)
  return [head, names.subarray(definition.cursor.at), isPacked ? value : value.subarray(reader.cursor.at)]
}

export interface ParsedDump {
  readonly flavour: Flavour
  readonly rdbVersion: number // what its writer said
  readonly type: ValueType
  readonly value: Buffer
  readonly meta: Buffer | undefined
}

/** Takes a payload apart. Throws a Fault when it is none, is damaged, or has a type that nobody knows here. */
export function parseDump(payload: Buffer, target = 'a DUMP payload'): ParsedDump {
  const footer = payload.length - FOOTER
  if (footer < 1) throw wrong(target, 0, 'expected a type and a footer', `found ${payload.length} bytes`)
  const sum = payload.subarray(footer + 2)
  const isUnsummed = sum.every((byte) => byte === 0) // Redis 8.4 takes it: its own replicas send such
  if (!isUnsummed && !sum.equals(crc64(payload.subarray(0, footer + 2))))
    throw wrong(target, footer + 2, 'its checksum is wrong', 'the bytes are damaged')
  const rdbVersion = payload.readUInt16LE(footer)
  const flavour = rdbVersion >= VALKEY_SINCE ? 'valkey' : 'redis'
  const typeAt = flavour === 'redis' && payload[0] === OPCODE.keyMeta ? metaEnd(payload, footer, target) : 0
  const type = valueTypes(flavour, rdbVersion)[payload[typeAt] ?? 0]
  if (type === undefined) throw wrong(target, typeAt, `its type is ${payload[typeAt]}`, 'which is not known here')
  const meta = typeAt === 0 ? undefined : payload.subarray(1, typeAt)
  return { flavour, rdbVersion, type, value: payload.subarray(typeAt + 1, footer), meta }
}

function metaEnd(payload: Buffer, footer: number, target: string): number {
  const layout = OPCODES_OF.redis.find(([code]) => code === OPCODE.keyMeta)?.slice(1) as readonly Part[]
  const cursor = new Cursor(target, footer)
  cursor.enter(payload.subarray(0, footer), 1, footer, 0)
  const skipper = new ValueSkipper(cursor, new Templates())
  skipper.begin(programOf(layout))
  if (!skipper.run() || cursor.at >= footer) throw wrong(target, 1, 'what modules attached to it', 'has no end')
  return cursor.at
}

function wrong(target: string, offset: number, ...says: string[]): Fault {
  const hint = 'Take the payload again from its server.'
  return new Fault({ doing: 'reading', target, offset, why: says.join(', '), hint, retryable: false })
}
