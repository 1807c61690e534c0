// What is counted of an RDB, and that the tables stay small whatever it holds.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { int64, rdbOf, type Piece } from '../../test/rdb-bytes.ts'
import { Analysis, type AnalysisOptions } from './analysis.ts'
import { RdbScanner } from './scanner.ts'

function analyse(rdb: Buffer, options?: AnalysisOptions): Analysis {
  const analysis = new Analysis(options)
  const scanner = new RdbScanner(analysis)
  for (let at = 0; at < rdb.length; at += 1000) scanner.push(rdb.subarray(at, at + 1000))
  const { complete, problem } = scanner.finish()
  assert.equal(complete, true, problem?.why ?? '')
  return analysis
}

const names = (analysis: Analysis): string[] =>
  analysis.namespaces.list().map(({ name, keys }) => `${name.toString('latin1')} ${keys}`)

const string = (key: string, value = 'v'): Piece => [0, key, value]

describe('Analysis', () => {
  it('counts keys, databases, kinds and namespaces', () => {
    const rdb = rdbOf(
      'REDIS0011',
      [250, 'redis-ver', '7.2.4', 250, 'valkey-ver', '8.0.1', 250, 'ctime', '1700000000'],
      [245, 'code of a library'],
      [
        254,
        0,
        string('session:1'),
        [252, int64(1_700_000_060_000), string('session:2', 'long value')],
        string('plain'),
      ],
      [254, 7, 2, 'user:1:tags', 3, 'a', 'b', 'c', [252, int64(1_600_000_000_000), string('user:2')]],
    )
    const analysis = analyse(rdb)
    assert.deepEqual([analysis.keys, analysis.expires, analysis.flavour], [5, 2, 'valkey'])
    assert.deepEqual([analysis.serverVersion, analysis.libraries.length], ['8.0.1', 1])
    assert.deepEqual(
      [...analysis.databases.values()],
      [
        { db: 0, keys: 3, expires: 1 },
        { db: 7, keys: 2, expires: 1 },
      ],
    )
    assert.deepEqual(names(analysis), ['session 2', 'user 2', ' 1'])
    assert.partialDeepStrictEqual(analysis.namespaces.list()[1], { withTtl: 1, types: { set: 1, string: 1 } })
    assert.deepEqual(analysis.kinds.get('set'), { keys: 1, bytes: 19 })
    assert.deepEqual(analysis.ttls, { expired: 1, hour: 1, day: 0, week: 0, month: 0, later: 0 })
    const [first] = analysis.biggest
    assert.partialDeepStrictEqual(first, { db: 0, kind: 'string', bytes: 21, elements: 10 })
  })

  it('takes as many parts of a name as it is told, and any separator', () => {
    const rdb = rdbOf(
      'REDIS0010',
      ['a:b:c', 'a:b:d', 'a:b', 'a', 'x::y', ':z', 'a--b--c'].map((key) => string(key)),
    )
    assert.deepEqual(names(analyse(rdb, { depth: 1 })).toSorted(), [' 3', 'a 3', 'x 1'])
    assert.deepEqual(names(analyse(rdb, { depth: 2 })).toSorted(), [' 3', 'a 1', 'a:b 2', 'x: 1'])
    assert.deepEqual(names(analyse(rdb, { depth: 2, separator: '--' })).toSorted(), [' 6', 'a--b 1'])
    assert.deepEqual(names(analyse(rdb, { separator: '' })), [' 7'])
  })

  it('remembers the largest keys, the largest first', () => {
    const sizes = [5, 50, 7, 60, 1, 40, 60]
    const rdb = rdbOf(
      'REDIS0010',
      sizes.map((size, at) => string(`key${at}`, 'x'.repeat(size))),
    )
    const { biggest } = analyse(rdb, { top: 3 })
    assert.deepEqual(
      biggest.map(({ key, elements }) => [key.toString(), elements]),
      [
        ['key3', 60],
        ['key6', 60],
        ['key1', 50],
      ],
    )
    assert.deepEqual(analyse(rdb, { top: 0 }).biggest, [])
  })

  it('counts namespaces past ten thousand, and very long ones, together', () => {
    const many = Array.from({ length: 10_500 }, (_, at) => string(`n${at}:x`))
    const rdb = rdbOf('REDIS0010', many, string('n0:again'), string(`${'l'.repeat(300)}:x`))
    const analysis = analyse(rdb)
    const list = analysis.namespaces.list()
    assert.equal(list.length, 10_001)
    assert.deepEqual(list.at(-1)?.name.toString(), '(other)')
    assert.deepEqual([list.at(-1)?.isOther, list.at(-1)?.keys], [true, 501])
    assert.equal(list.find(({ name }) => name.toString() === 'n0')?.keys, 2)
  })

  it('names the modules whose values it cannot decode', () => {
    const id = [0x81, Buffer.from('4b54d41cd0d0d001', 'hex')]
    const rdb = rdbOf('REDIS0010', [7, 'a', id, 0, 7, 'b', id, 2, 1, 0])
    assert.deepEqual([...analyse(rdb).notDecoded.values()], [{ type: 7, name: 'S1TUHNDQ0', keys: 2 }])
  })
})
