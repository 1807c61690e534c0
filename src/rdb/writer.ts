// Writes an RDB from values as they stand in other RDBs or in DUMP payloads: what a server loads, without decoding anything.
// The caller gets the bytes piece by piece and does with them what he wants; only the checksum is kept here.
//
//   const writer = new RdbWriter('redis', 10)
//   file.write(writer.begin({ 'redis-ver': '7.0.15' }))
//   file.write(writer.database(0))
//   file.write(writer.entry({ key, type, value, expiresAtMs }))
//   file.write(writer.end())

import { Fault } from '../lib/fault.ts'
import { Crc64 } from './crc64.ts'
import { OPCODE, type Flavour, type ValueType } from './layouts.ts'

const CHECKSUM_SINCE = 5

export interface WrittenEntry {
  readonly key: Uint8Array
  readonly type: ValueType
  readonly value: Uint8Array // as it stands in an RDB
  readonly expiresAtMs?: number | undefined
  readonly idleSeconds?: number | undefined
  readonly frequency?: number | undefined
  readonly meta?: Uint8Array | undefined
}

export class RdbWriter {
  readonly #flavour: Flavour
  readonly #rdbVersion: number
  readonly #sum = new Crc64()

  constructor(flavour: Flavour, rdbVersion: number) {
    this.#flavour = flavour
    this.#rdbVersion = rdbVersion
  }

  /** The header, and aux fields by their names. */
  begin(aux: Readonly<Record<string, string | Buffer>> = {}): Buffer {
    const [magic, digits] = this.#flavour === 'redis' ? ['REDIS', 4] : ['VALKEY', 3]
    const fields = Object.entries(aux).flatMap(([name, value]) => [
      Buffer.of(OPCODE.aux),
      rdbString(Buffer.from(name)),
      rdbString(Buffer.from(value)),
    ])
    return this.#put(Buffer.from(magic + String(this.#rdbVersion).padStart(digits, '0'), 'latin1'), ...fields)
  }

  /** A library of functions; they stand before the keys. */
  library(code: Uint8Array): Buffer {
    return this.#put(Buffer.of(OPCODE.function), rdbString(code))
  }

  /** The entries that follow are in this database. */
  database(db: number): Buffer {
    return this.#put(Buffer.of(OPCODE.database), rdbLength(db))
  }

  /** Throws when readers of this version do not know the type: they would stop here. */
  entry(entry: WrittenEntry): Buffer {
    return Buffer.concat([this.entryHead(entry), this.part(entry.value)])
  }

  /** An entry up to its value, which follows in parts: for values that are too big to be held. */
  entryHead({ key, type, expiresAtMs, idleSeconds, frequency, meta }: Omit<WrittenEntry, 'value'>): Buffer {
    if (type.since > this.#rdbVersion)
      throw new Fault({
        doing: 'writing an RDB of version',
        target: String(this.#rdbVersion),
        why: `${type.name} is known to readers since version ${type.since} only`,
        hint: 'Write the version that the values come from.',
        retryable: false,
      })
    const parts: Uint8Array[] = []
    if (expiresAtMs !== undefined) parts.push(Buffer.of(OPCODE.expiresAtMs), int64(expiresAtMs))
    if (idleSeconds !== undefined) parts.push(Buffer.of(OPCODE.idle), rdbLength(idleSeconds))
    if (frequency !== undefined) parts.push(Buffer.of(OPCODE.frequency, frequency))
    if (meta !== undefined) parts.push(Buffer.of(OPCODE.keyMeta), meta)
    return this.#put(...parts, Buffer.of(type.code), rdbString(key))
  }

  /** The next bytes of the value; they are handed back as they are. */
  part(bytes: Uint8Array): Uint8Array {
    this.#sum.add(bytes)
    return bytes
  }

  /** The end mark and the checksum. */
  end(): Buffer {
    const mark = this.#put(Buffer.of(OPCODE.end))
    return this.#rdbVersion < CHECKSUM_SINCE ? mark : Buffer.concat([mark, this.#sum.digest()])
  }

  #put(...parts: readonly Uint8Array[]): Buffer {
    const bytes = Buffer.concat(parts)
    this.#sum.add(bytes)
    return bytes
  }
}

/** A length in its shortest form. */
function rdbLength(length: number): Buffer {
  if (length < 64) return Buffer.of(length)
  if (length < 16_384) return Buffer.of(64 | (length >> 8), length & 255)
  const isLong = length > 0xffff_ffff
  const bytes = Buffer.alloc(isLong ? 9 : 5)
  bytes[0] = isLong ? 0x81 : 0x80
  if (isLong) bytes.writeBigUInt64BE(BigInt(length), 1)
  else bytes.writeUInt32BE(length, 1)
  return bytes
}

/** Bytes as a string of an RDB, neither packed nor as an integer. */
function rdbString(bytes: Uint8Array): Buffer {
  return Buffer.concat([rdbLength(bytes.length), bytes])
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(value))
  return bytes
}
