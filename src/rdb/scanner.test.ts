// Passing over RDBs in pieces of every size: the same keys, the same end, the same sum, and for what is damaged the place.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { array, assert as holds, nat, property } from 'fast-check'
import { MODULE, REDIS_15 } from '../../test/rdb-layouts.ts'
import { bytesOf, int64, lengthOf, rdbOf, type Piece } from '../../test/rdb-bytes.ts'
import { moduleName } from './entry.ts'
import { RdbScanner, type RdbOutcome } from './scanner.ts'

interface Seen {
  readonly entries: readonly unknown[]
  readonly outcome: RdbOutcome
}

/** What there is to see when the bytes come in pieces that end at these places. */
function scan(bytes: Uint8Array, cuts: readonly number[] = [], knowsSize = false): Seen {
  const entries: unknown[] = []
  let value: Buffer[] = []
  const scanner = new RdbScanner(
    {
      aux: (name, text) => entries.push(['aux', name, text.toString('latin1')]),
      sizes: (...numbers) => entries.push(['sizes', ...numbers]),
      library: (code) => entries.push(['library', code.toString()]),
      wants: () => true,
      value: (part) => value.push(Buffer.from(part)),
      entry({ db, key, type, expiresAtMs, idleSeconds, frequency, bytes, elements, offset, moduleId, meta }) {
        const raw = Buffer.concat(value).toString('hex')
        const module = moduleId && moduleName(moduleId)
        const known = { db, key: key.toString('latin1'), type: type.name, bytes, elements, offset, raw }
        entries.push({ ...known, expiresAtMs, idleSeconds, frequency, module, meta: meta?.toString('hex') })
        value = []
      },
    },
    knowsSize ? { target: 'test.rdb', bytes: bytes.length } : { target: 'test.rdb' },
  )
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    // A piece is overwritten after the call, as a reader with one buffer does it.
    const piece = Buffer.from(bytes.subarray(from, to))
    scanner.push(piece)
    piece.fill(0xee)
    from = to
  }
  return { entries, outcome: scanner.finish() }
}

const everyByte = (bytes: Uint8Array): number[] =>
  Array.from({ length: Math.max(0, bytes.length - 1) }, (_, at) => at + 1)

const SPECIAL: Piece[] = [
  [250, 'redis-ver', '8.10.0', 250, 'ctime', 0xc2, 0x15, 0xcd, 0x5b, 0x07],
  [244, 1, 2, 3, 247, MODULE, 2, 1, 5, 'aux', 0, 245, '#!lua name=lib'],
  [254, 3, 251, 9, 1],
]
const ATTRIBUTES: Piece[] = [252, int64(1_800_000_000_123), 248, 33, 249, 200, 243, 1, [Buffer.alloc(4, 9), 2, 5, 0]]
const WHOLE = rdbOf('REDIS0015', SPECIAL, ATTRIBUTES, REDIS_15)

describe('RdbScanner', () => {
  it('tells every entry with what stands before it, and the end', () => {
    const { entries, outcome } = scan(WHOLE)
    assert.deepEqual(outcome, {
      flavour: 'redis',
      rdbVersion: 15,
      complete: true,
      checksum: 'ok',
      analysedBytes: WHOLE.length,
      end: WHOLE.length,
      unknown: undefined,
      problem: undefined,
    })
    assert.deepEqual(entries.slice(0, 4), [
      ['aux', 'redis-ver', '8.10.0'],
      ['aux', 'ctime', '123456789'],
      ['library', '#!lua name=lib'],
      ['sizes', 3, 9, 1],
    ])
    const keys = entries.slice(4) as Record<string, unknown>[]
    assert.deepEqual(
      keys.map(({ type, elements }) => `${String(type)} ${String(elements)}`),
      [
        'string 9',
        'string 5',
        'string 40',
        'list 3',
        'zset 3',
        'hash 2',
        'zset_2 2',
        'module_2 0',
        'hash_zipmap 2',
        'list_quicklist_2 4',
        'stream_listpacks_3 5',
        'hash_metadata 2',
        'hash_listpack_ex 2',
        'stream_listpacks_5 5',
        'array 4',
        'hash_tmpl_array_ref 2',
        'hash_tmpl_lp_ref 1',
        'gcra 0',
      ],
    )
    const [first, second] = keys
    assert.partialDeepStrictEqual(first, {
      db: 3,
      key: 'a string',
      bytes: 19,
      raw: bytesOf('its value').toString('hex'),
    })
    assert.partialDeepStrictEqual(first, { expiresAtMs: 1_800_000_000_123, idleSeconds: 33, frequency: 200 })
    assert.equal(first?.['meta'], '0109090909020500')
    assert.deepEqual([second?.['expiresAtMs'], second?.['meta'], second?.['raw']], [undefined, undefined, 'c13930'])
    assert.equal(keys[7]?.['module'], 'S1TUHNDQ0', 'the name in the id')
  })

  it('sees the same byte by byte, and in pieces of any sizes', () => {
    const whole = scan(WHOLE)
    assert.deepEqual(scan(WHOLE, everyByte(WHOLE)), whole)
    assert.deepEqual(scan(WHOLE, everyByte(WHOLE), true), whole)
    holds(
      property(array(nat(WHOLE.length)), (cuts) => {
        assert.deepEqual(
          scan(
            WHOLE,
            cuts.toSorted((a, b) => a - b),
          ),
          whole,
        )
      }),
    )
  })

  it('knows where the RDB ends in a transfer that goes on', () => {
    const after = Buffer.from('*1\r\n$4\r\nPING\r\n')
    const all = Buffer.concat([WHOLE, after])
    for (const size of [1, 7, 64, 65, all.length]) {
      const scanner = new RdbScanner({})
      let taken = 0
      for (let at = 0; at < all.length; at += size) taken += scanner.push(all.subarray(at, at + size))
      assert.deepEqual([scanner.end, taken, scanner.finish().checksum], [WHOLE.length, WHOLE.length, 'ok'])
    }
  })

  it('says where it was cut, wherever that is', () => {
    for (let length = 0; length < WHOLE.length; length += 1)
      for (const cuts of [[], [Math.floor(length / 2)]]) {
        const { outcome } = scan(WHOLE.subarray(0, length), cuts)
        assert.equal(outcome.complete, false)
        assert.equal(outcome.problem?.offset, length)
        assert.match(outcome.problem.why, /^expected .*, found the end$/)
      }
  })

  it('goes blind at a type that it does not know, and sums up what follows', () => {
    const rdb = rdbOf('REDIS0016', [0, 'k', 'v', 99, 'future', 'something', 'more'])
    for (const cuts of [[], everyByte(rdb), [14, 20]]) {
      const { entries, outcome } = scan(rdb, cuts)
      assert.equal(entries.length, 1)
      assert.partialDeepStrictEqual(outcome, { complete: false, checksum: 'ok', analysedBytes: 14, problem: undefined })
      assert.deepEqual(outcome.unknown, { code: 99, offset: 14 })
    }
    const damaged = Buffer.from(rdb)
    damaged[30] = 0
    assert.equal(scan(damaged).outcome.checksum, 'bad')
  })

  it('takes the same number for another thing in another flavour', () => {
    const hash: Piece = [22, 'h', 2, 'f', 'v', int64(-1), 'g', 'w', int64(1_700_000_000_000)]
    const command = Buffer.from('*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n')
    const valkey = rdbOf(
      'VALKEY081',
      243,
      'x'.repeat(40),
      2,
      0,
      10,
      lengthOf(200),
      lengthOf(16383),
      hash,
      242,
      command,
      0,
      'k',
      'v',
    )
    const { entries, outcome } = scan(valkey)
    assert.deepEqual(scan(valkey, everyByte(valkey)), { entries, outcome })
    assert.partialDeepStrictEqual(outcome, { flavour: 'valkey', complete: true, checksum: 'ok' })
    assert.deepEqual(
      entries.map((entry) => (entry as { type: string }).type),
      ['hash_2', 'string'],
    )
    const redis = rdbOf('REDIS0012', 22, 'h', 1, lengthOf(1_700_000_000_000n), 'f', 'v')
    assert.deepEqual([scan(redis).entries.length, scan(redis).outcome.complete], [1, true])
    const limit = rdbOf('REDIS0014', 29, 'limit', lengthOf(1_700_000_000_000_000n))
    assert.equal((scan(limit).entries[0] as { type: string }).type, 'gcra')
  })

  it('reads versions without a checksum, and with none written', () => {
    const old = rdbOf('REDIS0004', 254, 0, 253, Buffer.of(0, 0, 0, 0x60), 0, 'k', 'v')
    const { entries, outcome } = scan(old)
    assert.partialDeepStrictEqual(outcome, { complete: true, checksum: 'absent', end: old.length })
    assert.partialDeepStrictEqual(entries[0], { expiresAtMs: 0x6000_0000 * 1000 })
    const unsummed = Buffer.concat([rdbOf('REDIS0010', 0, 'k', 'v').subarray(0, -8), Buffer.alloc(8)])
    assert.equal(scan(unsummed).outcome.checksum, 'absent')
  })

  it('refuses what lies, at its place, without believing it', () => {
    const cases: [string, Piece[], number, RegExp][] = [
      ['a string past the end', [0, 'k', 0x81, Buffer.alloc(8, 0x1f)], 12, /expected \d+ bytes, found at most/],
      ['a count past the end', [2, 'k', 0x80, Buffer.alloc(4, 0xff), 'a'], 12, /count, found 4294967295/],
      ['a length that is none', [0, 'k', 0x82, 'v'], 12, /expected a length, found the byte 0x82/],
      ['a string that is none', [0, 'k', 0xc9, 'v'], 12, /expected a string, found the unknown encoding 9/],
      [
        'a packed key that grows too much',
        [0, 0xc3, 5, 0x80, Buffer.alloc(4, 0x7f), 0, 97, 0, 97, 0, 'v'],
        10,
        /claims to become/,
      ],
      ['a packed key that copies from nowhere', [0, 0xc3, 5, 20, 0x20, 5, 0x20, 5, 5, 'v'], 10, /cannot be unpacked/],
      ['a module’s value with an unknown mark', [7, 'k', MODULE, 6], 21, /expected a mark/],
      ['a hash of a template that there is not', [32, 'k', 5, 'v'], 12, /expected the id of a hash template, found 5/],
      ['a template of nothing', [242, 5, 0], 10, /expected a hash template with fields/],
    ]
    for (const [name, pieces, offset, why] of cases) {
      const rdb = rdbOf('REDIS0015', pieces)
      for (const cuts of [[], everyByte(rdb)]) {
        const { problem, complete, checksum } = scan(rdb, cuts, true).outcome
        assert.deepEqual([problem?.offset, complete, checksum], [offset, false, 'ok'], name)
        assert.match(problem?.why ?? '', why, name)
      }
    }
  })

  it('calls by its name what is no RDB', () => {
    const why = (start: string | Buffer): string =>
      scan(Buffer.concat([Buffer.from(start), Buffer.alloc(20)])).outcome.problem?.why ?? ''
    assert.match(why(Buffer.from('28b52ffd', 'hex')), /zstd/)
    assert.match(why('age-encryption.org/v1'), /encrypted with age/)
    assert.match(why('*2\r\n$6\r\nSELECT'), /an AOF/)
    assert.match(why('VCS\x01'), /Valkey’s own packing/)
    assert.match(why('hello world'), /found "hello wor"/)
  })

  it('keeps no more of a key than its limit', () => {
    const rdb = rdbOf('REDIS0010', 0, 'k'.repeat(1000), 'v', 0, 'l', 'w')
    const seen: unknown[] = []
    const scanner = new RdbScanner(
      { entry: ({ key, keyLength, isKeyCut }) => seen.push([key.length, keyLength, isKeyCut]) },
      { keepBytes: 10 },
    )
    for (let at = 0; at < rdb.length; at += 100) scanner.push(rdb.subarray(at, at + 100))
    assert.equal(scanner.finish().checksum, 'ok')
    assert.deepEqual(seen, [
      [10, 1000, true],
      [1, 1, false],
    ])
  })

  it('lets through what a visitor throws', () => {
    const scanner = new RdbScanner({
      entry: () => {
        throw new Error('mine')
      },
    })
    assert.throws(() => scanner.push(WHOLE), /mine/)
  })
})
