// One value of each layout that there is in RDBs, by hand: what a reader of all versions must know, and what the server at hand
// does not write.

import { double, int64, lengthOf, rdbOf, stringOf, type Piece } from './rdb-bytes.ts'

/** Bytes of listpack entries as they stand, behind their header. */
export function listpackOf(count: number, ...entries: number[]): Buffer {
  const head = Buffer.alloc(6)
  head.writeUInt32LE(7 + entries.length)
  head.writeUInt16LE(count, 4)
  return stringOf(Buffer.concat([head, Buffer.from([...entries, 0xff])]))
}

/** Integers up to 127, each with its length behind it. */
const numbers = (...values: number[]): Buffer => listpackOf(values.length, ...values.flatMap((value) => [value, 1]))

function ziplistOf(count: number, hex: string): Buffer {
  const body = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const head = Buffer.alloc(10)
  head.writeUInt32LE(11 + body.length)
  head.writeUInt16LE(count, 8)
  return stringOf(Buffer.concat([head, body, Buffer.of(0xff)]))
}

const RAW_ID = Buffer.alloc(16, 1)
export const MODULE = [0x81, Buffer.from('4b54d41cd0d0d001', 'hex')] as const // S1TUHNDQ0

// A listpack with a master entry of one field, and one entry.
const ENTRIES = listpackOf(10, 1, 1, 0, 1, 1, 1, 0x81, 0x66, 2, 0, 1, 2, 1, 0, 1, 0, 1, 0x81, 0x76, 2, 4, 1)
const STREAM: Piece[] = [1, ['\0'.repeat(16), ENTRIES], 5, [9, 9]]
const COUNTERS: Piece[] = [[1, 1], [2, 2], 7]
const PENDING: Piece[] = [1, [RAW_ID, int64(5), 2]]
const GROUP: Piece[] = ['group', [3, 3], 4, PENDING, 1, ['consumer', int64(6), int64(7), 1, RAW_ID]]
const PRODUCERS: Piece[] = [50, 50, 1, ['producer', 1, ['id', 1, 2]], 3, 4]
const EARLIEST = int64(1_700_000_000_000)

/** In an RDB of Redis 8.10, each with its type before it. */
export const REDIS_15: readonly Piece[] = [
  [0, 'a string', 'its value'],
  [0, 'an integer', 0xc1, 0x39, 0x30],
  [0, 'packed', 0xc3, 5, 40, 0x00, 0x61, 0xe0, 30, 0x00],
  [1, 'a list', 3, 'a', 0xc0, 7, 'c'],
  [3, 'scores as text', 3, 'a', '1.5', 'b', 254, 'c', 253],
  [4, 'a hash', 2, 'f', 'v', 'g', 'w'],
  [5, 'a sorted set', 2, 'a', double(1.5), 'b', double(-1)],
  [7, 'a module’s', MODULE, 1, 5, 2, 0x81, Buffer.alloc(8, 0xfe), 3, Buffer.alloc(4), 4, Buffer.alloc(8), 5, 'text', 0],
  [9, 'old hash', stringOf(Buffer.from('\x02\x01a\x01\x00b\x01c\x01\x00d\xff', 'latin1'))],
  [18, 'long list', 2, 1, 'x'.repeat(100), 2, numbers(1, 2, 3)],
  [21, 'a stream', STREAM, COUNTERS, 1, GROUP],
  [24, 'fields that expire', EARLIEST, 2, [1, 'f', 'v'], [0, 'g', 'w']],
  [25, 'the same, small', EARLIEST, numbers(1, 2, 3, 4, 5, 6)],
  [27, 'newest stream', STREAM, COUNTERS, 1, GROUP, 1, RAW_ID, PRODUCERS],
  [28, 'an array', 4, 1, 9, [0, 0, 'text'], [1, 1, int64(1)], [2, 2, double(2)], [7, 3, 'short']],
  [242, 3, 2, 'name', 'mail', 32, 'by template', 3, 'Ann', 'ann@example.com'],
  [242, 4, 1, 'one', 30, 'by small template', numbers(4, 1)],
  [33, 'rate limit', lengthOf(1_700_000_000_000_000n)],
]

const REDIS_OTHERS: readonly Piece[] = [
  [2, 'a set', 2, 'a', 'b'],
  [10, 'old list', ziplistOf(2, '00 01 61 03 f2')],
  [11, 'numbers', stringOf(Buffer.from('02000000020000000100f1ff', 'hex'))],
  [12, 'old sorted set', ziplistOf(2, '00 01 61 03 f2')],
  [13, 'old small hash', ziplistOf(2, '00 01 61 03 f2')],
  [14, 'list of old lists', 2, ziplistOf(1, '00 f2'), ziplistOf(1, '00 f3')],
  [15, 'first stream', STREAM, 1, ['group', [3, 3], PENDING, 1, ['consumer', int64(6), 1, RAW_ID]]],
  [16, 'small hash', numbers(1, 2)],
  [17, 'small sorted set', numbers(1, 2)],
  [19, 'second stream', STREAM, COUNTERS, 1, ['group', [3, 3], 4, PENDING, 1, ['consumer', int64(6), 1, RAW_ID]]],
  [20, 'small set', numbers(1, 2, 3)],
  [26, 'stream with producers', STREAM, COUNTERS, 1, GROUP, PRODUCERS],
  [29, 'hash that carries its names', 0, numbers(1, 2), numbers(0, 3, 4)],
  [31, 'the same, not packed', 1, 2, 'name', 'mail', 'Ann', 'ann@example.com'],
]

const BEFORE_7_4: readonly Piece[] = [
  [22, 'release candidate', 2, [lengthOf(1_700_000_000_000), 'f', 'v'], [0, 'g', 'w']],
  [23, 'small release candidate', numbers(1, 2, 3)],
]

const VALKEY: readonly Piece[] = [
  [243, 'x'.repeat(40), 1, 0, 10],
  [22, 'valkey’s fields', 2, 'f', 'v', EARLIEST, 'g', 'w', int64(-1)],
  [242, Buffer.from('*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n')],
]

const AROUND: Piece[] = [
  [250, 'redis-ver', '8.10.0', 244, 1, 2, 3, 247, MODULE, 2, 1, 5, 'aux', 0, 245, '#!lua name=lib', 254, 3, 251, 9, 1],
  [252, EARLIEST, 248, 33, 249, 200, 243, 1, [Buffer.alloc(4, 9), 2, 5, 0]],
]

/** Small RDBs that have, together, everything. */
export function handMadeRdbs(): Buffer[] {
  return [
    rdbOf('REDIS0015', AROUND, REDIS_15),
    rdbOf('REDIS0015', REDIS_OTHERS),
    rdbOf('REDIS0012', BEFORE_7_4),
    rdbOf('REDIS0014', [29, 'early rate limit', lengthOf(1_700_000_000_000_000n)]),
    rdbOf('VALKEY081', VALKEY, REDIS_OTHERS.slice(0, 11)),
    rdbOf('REDIS0003', [254, 0, 253, Buffer.alloc(4, 0x60)], REDIS_OTHERS.slice(0, 5)),
  ]
}
