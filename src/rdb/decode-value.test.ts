// Values in encodings that the server at hand does not write: older ones, newer ones, Valkey's. And damage of each kind.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytesOf, double, int64, lengthOf, rdbOf, stringOf, type Piece } from '../../test/rdb-bytes.ts'
import { Fault } from '../lib/fault.ts'
import { crc64 } from './crc64.ts'
import { decodeValue } from './decode-value.ts'
import { dumpPayload, parseDump } from './dump.ts'
import { valueTypes, type Flavour } from './layouts.ts'
import { RdbScanner } from './scanner.ts'

/** Bytes of listpack entries as they stand, behind their header. */
function listpack(count: number, ...entries: (number | string)[]): Buffer {
  const body = Buffer.concat(
    entries.map((entry) => {
      if (typeof entry === 'number') return entry >= 0 ? Buffer.of(entry, 1) : Buffer.of(0xdf, 0x100 + entry, 2)
      return Buffer.concat([Buffer.of(0x80 | entry.length), Buffer.from(entry), Buffer.of(entry.length + 1)])
    }),
  )
  const head = Buffer.alloc(6)
  head.writeUInt32LE(7 + body.length)
  head.writeUInt16LE(count, 4)
  return stringOf(Buffer.concat([head, body, Buffer.of(0xff)]))
}

function ziplist(count: number, hex: string): Buffer {
  const body = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const head = Buffer.alloc(10)
  head.writeUInt32LE(11 + body.length)
  head.writeUInt16LE(count, 8)
  return stringOf(Buffer.concat([head, body, Buffer.of(0xff)]))
}

/** Bytes as text, whatever they are in. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, plain(of)]))
}

function decode(
  code: number,
  pieces: readonly Piece[],
  [flavour, version]: [Flavour, number] = ['redis', 15],
): unknown {
  const type = valueTypes(flavour, version)[code]
  assert.ok(type)
  return plain(decodeValue({ type, value: bytesOf(...pieces) }))
}

const field = (name: string, value: string, expiresAtMs?: number): object => ({ field: name, value, expiresAtMs })
const hash = (...fields: object[]): object => ({ kind: 'hash', fields })

describe('decodeValue', () => {
  it('reads the encodings of the first versions', () => {
    assert.deepEqual(decode(1, [2, 'a', 0xc0, 0xff]), { kind: 'list', elements: ['a', '-1'] })
    assert.deepEqual(decode(2, [1, 'm']), { kind: 'set', members: ['m'] })
    assert.deepEqual(decode(3, [4, 'a', '1.5', 'b', 253, 'c', 254, 'd', 255]), {
      kind: 'zset',
      members: [
        { member: 'a', score: 1.5 },
        { member: 'b', score: Number.NaN },
        { member: 'c', score: Infinity },
        { member: 'd', score: -Infinity },
      ],
    })
    assert.deepEqual(decode(4, [1, 'f', 'v']), hash(field('f', 'v')))
    const zipmap = Buffer.from('\x02\x01a\x02\x00xy\x03bcd\x01\x04z....\xff', 'latin1')
    assert.deepEqual(decode(9, [stringOf(zipmap)]), hash(field('a', 'xy'), field('bcd', 'z')))
    const long = Buffer.concat([Buffer.of(1, 254, 44, 1, 0, 0), Buffer.alloc(300, 'k'), Buffer.of(0, 0, 0xff)])
    assert.deepEqual(decode(9, [stringOf(long)]), hash(field('k'.repeat(300), '')))
  })

  it('reads ziplists with every form of their entries', () => {
    const forms = '00 02 6869  04 4001 61  03 80 00000001 62  07 c0 39 30  04 d0 ffffff7f  06 f0 000080'
    const integers = '05 fe 80  03 f1  02 fd  02 e0 ffffffffffffff7f  fe 0a000000 01 63'
    assert.deepEqual(decode(10, [ziplist(11, forms + integers)]), {
      kind: 'list',
      elements: ['hi', 'a', 'b', '12345', '2147483647', '-8388608', '-128', '0', '12', '9223372036854775807', 'c'],
    })
    const scores = ziplist(4, '00 01 61 03 03 312e35 05 01 62 03 f3')
    assert.partialDeepStrictEqual(decode(12, [scores]), {
      members: [
        { member: 'a', score: 1.5 },
        { member: 'b', score: 2 },
      ],
    })
    assert.deepEqual(decode(13, [ziplist(2, '00 01 61 03 f3')]), hash(field('a', '2')))
    assert.deepEqual(decode(14, [2, ziplist(1, '00 f2'), ziplist(1, '00 f3')]), { kind: 'list', elements: ['1', '2'] })
  })

  it('reads listpacks of sets, and both kinds of nodes of a list', () => {
    assert.deepEqual(decode(20, [listpack(3, 'a', 5, -7)]), { kind: 'set', members: ['a', '5', '-7'] })
    assert.deepEqual(decode(18, [2, 1, 'plain', 2, listpack(2, 'x', 1)]), {
      kind: 'list',
      elements: ['plain', 'x', '1'],
    })
  })

  it('reads fields that expire, as Redis and as Valkey write them', () => {
    const earliest = 1_700_000_000_000
    const two = hash(field('f', 'v', earliest + 4), field('g', 'w'))
    assert.deepEqual(decode(22, [2, lengthOf(earliest + 4), 'f', 'v', 0, 'g', 'w'], ['redis', 12]), two)
    assert.deepEqual(decode(24, [int64(earliest), 2, 5, 'f', 'v', 0, 'g', 'w']), two)
    assert.deepEqual(decode(22, [2, 'f', 'v', int64(earliest + 4), 'g', 'w', int64(-1)], ['valkey', 80]), two)
    const small = listpack(6, 'f', 'v', String(earliest), 'g', 'w', 0)
    assert.deepEqual(decode(25, [int64(earliest), small]), hash(field('f', 'v', earliest), field('g', 'w')))
    assert.deepEqual(decode(23, [small], ['redis', 12]), hash(field('f', 'v', earliest), field('g', 'w')))
  })

  it('reads hashes by templates, inside of an RDB and carried along', () => {
    const expected = hash(field('id', '7'), field('name', 'Ann'))
    assert.deepEqual(decode(29, [0, listpack(2, 'id', 'name'), listpack(3, 0, 7, 'Ann')]), expected)
    assert.deepEqual(decode(29, [1, 2, 'id', 'name', listpack(3, 9, 7, 'Ann')]), expected)
    assert.deepEqual(decode(31, [0, listpack(2, 'id', 'name'), 0xc0, 7, 'Ann']), expected)
    assert.deepEqual(decode(31, [1, 2, 'id', 'name', '7', 'Ann']), expected)

    const template: Piece = [242, 5, 2, 'id', 'name']
    const rdb = rdbOf('REDIS0015', template, [32, 'a', 5, '7', 'Ann'], [30, 'b', listpack(3, 5, 7, 'Ann')])
    const parts: Buffer[] = []
    const seen: unknown[] = []
    const scanner = new RdbScanner({
      wants: () => true,
      value: (part) => parts.push(Buffer.from(part)),
      entry({ type, templates }) {
        const value = Buffer.concat(parts.splice(0))
        seen.push(plain(decodeValue({ type, value, templates })))
        const payload = dumpPayload({ type, value, templates })
        assert.ok(payload)
        seen.push(plain(decodeValue(parseDump(payload))))
        assert.throws(() => decodeValue({ type, value }), /hash template/)
        assert.equal(dumpPayload({ type, value }), undefined)
      },
    })
    scanner.push(rdb)
    assert.equal(scanner.finish().complete, true)
    assert.deepEqual(seen, [expected, expected, expected, expected])
  })

  it('reads arrays and rate limits', () => {
    const elements: Piece[] = [
      [0, 0, 'text'],
      [1, 1, int64(-5)],
      [lengthOf(2n ** 40n), 2, double(1.5)],
      [2, 3, 'short'],
    ]
    const expected = [
      { index: '0n', value: 'text' },
      { index: '1n', value: '-5' },
      { index: `${2n ** 40n}n`, value: '1.5' },
      { index: '2n', value: 'short' },
    ]
    assert.deepEqual(decode(28, [4, 1, 9, elements]), { kind: 'array', elements: expected, insertAt: '9n' })
    assert.deepEqual(decode(28, [1, 0, [0, 0, 'x']]), {
      kind: 'array',
      elements: [{ index: '0n', value: 'x' }],
      insertAt: undefined,
    })
    assert.deepEqual(decode(33, [lengthOf(2n ** 60n)]), { kind: 'rate limit', arrivalUs: `${2n ** 60n}n` })
  })

  it('reads the newest streams, with what was given back and who produced it', () => {
    const entries = listpack(17, 2, 1, 1, 'f', 0, 2, 0, 0, 'v', 4, 3, 1, 0, 'gone', 4, 0, 0)
    const start = Buffer.concat([Buffer.alloc(7), Buffer.of(9), Buffer.alloc(8)])
    const id = Buffer.concat([Buffer.alloc(7), Buffer.of(9), Buffer.alloc(8)])
    const group: Piece[] = ['g', [9, 0], 1, 1, [id, int64(77), 3], 1, ['c', int64(5), int64(6), 1, id], 1, id]
    const news: Piece[] = [10, 20, 1, ['p', 1, ['m', 9, 0]], 4, 2]
    const packed = listpack(10, 1, 1, 1, 'f', 0, 2, 0, 0, 'v', 4)
    const value = decode(27, [1, stringOf(start), packed, 1, [9, 0], [9, 0], [8, 1], 5, 1, group, news])
    const nine = { ms: '9n', sequence: '0n' }
    assert.deepEqual(value, {
      kind: 'stream',
      entries: [{ id: nine, fields: [['f', 'v']] }],
      length: 1,
      lastId: nine,
      counters: { firstId: nine, maxDeletedId: { ms: '8n', sequence: '1n' }, entriesAdded: '5n' },
      groups: [
        {
          name: 'g',
          lastId: nine,
          entriesRead: '1n',
          pending: [{ id: nine, deliveredAtMs: 77, deliveries: 3 }],
          consumers: [{ name: 'c', seenAtMs: 5, activeAtMs: 6, pending: [nine] }],
          rejected: [nine],
        },
      ],
      idempotence: {
        durationSeconds: 10,
        mostEntries: 20,
        producers: [{ name: 'p', messages: [{ id: 'm', entry: nine }] }],
        added: '4n',
        duplicates: '2n',
      },
    })
    assert.throws(
      () => decode(15, [1, stringOf(start), entries, 1, [9, 0], 0]),
      /expected an entry of a stream, found the end of its listpack/,
    )
  })

  it('leaves the values of modules alone', () => {
    const module = [0x81, Buffer.from('4b54d41cd0d0d001', 'hex')]
    assert.equal(decode(7, [module, 2, 5, 0]), undefined)
  })

  it('refuses damage with its place', () => {
    const cases: [string, number, Piece[], RegExp][] = [
      ['more than there is', 1, [9, 'a'], /expected a count, found 9/],
      ['less than there is', 1, [1, 'a', 'b'], /expected the end of the value, found 2 bytes more/],
      ['cut', 4, [1, 'f'], /expected a string, found the end|for which the bytes/],
      ['a listpack of another size', 16, [stringOf(Buffer.alloc(9, 1))], /listpack of 9 bytes/],
      ['a listpack without an end', 16, [stringOf(Buffer.from('08000000020001010b'.slice(0, 16), 'hex'))], /end mark/],
      ['a listpack with another count', 16, [listpack(4, 'a', 'b')], /4 entries, found 2/],
      ['a listpack with too many', 16, [listpack(1, 'a', 'b', 'c')], /at most 1 entries/],
      ['half of a pair', 16, [listpack(3, 'a', 'b', 'c')], /entries by 2, found 3/],
      ['an intset of odd size', 11, [stringOf(Buffer.from('0300000001000000010000', 'hex'))], /2, 4 or 8 bytes/],
      ['an intset that lies', 11, [stringOf(Buffer.from('02000000ff0000000100', 'hex'))], /255 integers of 2 bytes/],
      ['an unknown node', 18, [1, 3, 'x'], /plain \(1\) or packed \(2\)/],
      ['a packed string that lies', 0, [0xc3, 2, 9, 0, 65], /cannot be unpacked/],
      ['a packed string that is longer', 0, [0xc3, 4, 2, 2, 65, 66, 67], /cannot be unpacked/],
      ['an element of no form', 28, [1, 0, 0, 9, 'x'], /unknown form 9/],
      ['names of no form', 31, [2, 1, 'x'], /packed \(0\) or not \(1\)/],
    ]
    for (const [name, code, pieces, why] of cases) {
      const value = bytesOf(...pieces)
      const type = valueTypes('redis', 15)[code]
      assert.ok(type)
      const fails = (error: unknown): boolean =>
        error instanceof Fault &&
        (error.offset ?? 0) >= 100 &&
        error.offset! <= 100 + value.length &&
        why.test(error.why)
      assert.throws(() => decodeValue({ type, value, target: 'x.rdb', base: 100 }), fails, name)
    }
  })
})

describe('DUMP payloads', () => {
  const [string, , , , , , , , , , , , , , , , packedHash] = valueTypes('redis', 15)

  it('say the lowest version that knows the type', () => {
    assert.ok(string && packedHash)
    const payload = dumpPayload({ type: string, value: bytesOf('v') })
    assert.equal(payload?.subarray(0, -8).toString('hex'), '0001760100')
    assert.deepEqual(payload.subarray(-8), crc64(payload.subarray(0, -8)))
    assert.equal(dumpPayload({ type: packedHash, value: listpack(2, 'f', 'v') })?.at(-10), 10)
    const valkey = valueTypes('valkey', 80)[22]
    assert.ok(valkey)
    const fields = dumpPayload({ type: valkey, value: bytesOf(1, 'f', 'v', int64(-1)) }) ?? Buffer.alloc(0)
    assert.deepEqual(parseDump(fields).flavour, 'valkey')
  })

  it('keep what modules attached to a key, when asked', () => {
    assert.ok(string)
    const meta = bytesOf(1, Buffer.alloc(4, 7), 5, 'attached', 0)
    const payload = dumpPayload({ type: string, value: bytesOf('v'), meta })
    assert.ok(payload)
    const parsed: { meta: Buffer | undefined; value: Buffer; rdbVersion: number } = parseDump(payload)
    assert.deepEqual([parsed.meta, parsed.value, parsed.rdbVersion], [meta, bytesOf('v'), 13])
  })

  it('are refused when they are damaged, cut, or of an unknown type', () => {
    assert.ok(string)
    const payload = dumpPayload({ type: string, value: bytesOf('value') }) ?? Buffer.alloc(0)
    for (let at = 0; at < payload.length; at += 1) {
      const damaged = Buffer.from(payload)
      damaged[at] = (damaged[at] ?? 0) ^ 0x10
      assert.throws(() => parseDump(damaged), Fault)
      assert.throws(() => parseDump(payload.subarray(0, at)), Fault)
    }
    const unknown = bytesOf(99, 'x', 10, 0)
    assert.throws(() => parseDump(Buffer.concat([unknown, crc64(unknown)])), /type is 99/)
  })
})
