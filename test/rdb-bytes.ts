// RDBs written by hand, byte by byte, for what the server at hand does not write: other versions, other flavours, damage.
// A number is a byte, a text is a string with its length before it, bytes stand as they are.

import { crc64 } from '../src/rdb/crc64.ts'

export type Piece = number | string | Uint8Array | readonly Piece[]

export function bytesOf(...pieces: readonly Piece[]): Buffer {
  return Buffer.concat(pieces.map(oneOf))
}

function oneOf(piece: Piece): Uint8Array {
  if (typeof piece === 'number') return Buffer.of(piece)
  if (typeof piece === 'string') return Buffer.concat([lengthOf(Buffer.byteLength(piece)), Buffer.from(piece)])
  return piece instanceof Uint8Array ? piece : bytesOf(...piece)
}

/** A length in its shortest form. */
export function lengthOf(length: number | bigint): Buffer {
  const value = BigInt(length)
  if (value < 64n) return Buffer.of(Number(value))
  if (value < 16_384n) return Buffer.of(64 | Number(value >> 8n), Number(value & 255n))
  const bytes = Buffer.alloc(value <= 0xffff_ffffn ? 5 : 9, 0x80)
  if (bytes.length === 5) bytes.writeUInt32BE(Number(value), 1)
  else {
    bytes[0] = 0x81
    bytes.writeBigUInt64BE(value, 1)
  }
  return bytes
}

/** Bytes as a string of an RDB. */
export function stringOf(bytes: Uint8Array): Buffer {
  return Buffer.concat([lengthOf(bytes.length), bytes])
}

export function int64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(value))
  return bytes
}

export function double(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

/** A whole RDB: `REDIS0010` or `VALKEY080`, what stands in it, the end mark, and the checksum from version 5 on. */
export function rdbOf(header: string, ...pieces: readonly Piece[]): Buffer {
  const body = Buffer.concat([Buffer.from(header, 'latin1'), bytesOf(...pieces), Buffer.of(0xff)])
  return Number(/\d+$/.exec(header)?.[0]) < 5 ? body : Buffer.concat([body, crc64(body)])
}
