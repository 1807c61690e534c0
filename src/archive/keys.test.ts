// Names of objects: what is written is read back, and sorts in the order of what it holds.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  decodeName,
  encodeName,
  keysOf,
  makeBaseId,
  makeTimelineName,
  parseKeyTime,
  parseSegmentName,
  showKeyTime,
  showSegmentName,
  timelineNumber,
} from './keys.ts'

const time = fc.integer({ min: 0, max: Date.parse('2200-01-01T00:00:00Z') })
const offset = fc.nat({ max: 2 ** 50 })
const segment = fc
  .record({
    from: offset,
    length: fc.integer({ min: 1, max: 2 ** 40 }),
    fromTime: time,
    toTime: time,
    db: fc.nat({ max: 15 }),
    sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
    sealed: fc.constantFrom('zst' as const, 'zst.age' as const),
  })
  .map(({ length, ...rest }) => ({ ...rest, to: rest.from + length }))

test('the name of a segment says all that it was made of', () => {
  fc.assert(fc.property(segment, (one) => assert.deepEqual(parseSegmentName(showSegmentName(one)), one)))
})

test('segments sort by their offsets', () => {
  fc.assert(
    fc.property(segment, segment, (a, b) => {
      if (a.from !== b.from) assert.equal(showSegmentName(a) < showSegmentName(b), a.from < b.from)
    }),
  )
})

test('what is no segment is none: other files, empty stretches, a newer ending', () => {
  const good = showSegmentName({ from: 1, to: 2, fromTime: 3, toTime: 4, db: 0, sha256: 'a'.repeat(64), sealed: 'zst' })
  assert.ok(parseSegmentName(good))
  const wrong = [`${good}.tmp`, good.replace('.aof', '.rdb'), good.replace(/2\./, '1.'), good.slice(1), '', '.DS_Store']
  for (const name of wrong) assert.equal(parseSegmentName(name), undefined, name)
})

test('a name of the user’s is one part of a key, whatever is in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), (name) => {
      fc.pre(name.isWellFormed())
      const part = encodeName(name)
      assert.match(part, /^[A-Za-z0-9._%-]+$/)
      assert.ok(!part.startsWith('.') && !part.endsWith('.'))
      assert.equal(decodeName(part), name)
    }),
  )
  assert.equal(encodeName('orders/eu 1'), 'orders%2Feu%201')
  assert.equal(decodeName('100%'), '100%')
})

test('times are read back, and sort', () => {
  fc.assert(fc.property(time, (at) => assert.equal(parseKeyTime(showKeyTime(at)), at)))
  fc.assert(fc.property(time, time, (a, b) => assert.equal(showKeyTime(a) <= showKeyTime(b), a <= b)))
  assert.equal(showKeyTime(Date.parse('2026-11-21T10:47:51.123Z')), '20261121T104751.123Z')
  for (const text of ['', '20261121', '2026-11-21T10:47:51Z', '20261341T104751Z'])
    assert.equal(parseKeyTime(text), undefined, text)
})

test('the tree is the one of the document', () => {
  const keys = keysOf('orders')
  const line = keys.timeline('0', makeTimelineName(1, 'a33fb1d7a33fb1d7a33fb1d7a33fb1d7a33fb1d7'))
  const base = makeBaseId(Date.parse('2026-11-21T10:47:51.123Z'), '3f9a')
  assert.equal(
    line.base(base, 'manifest.json'),
    'orders/shards/0/0001-a33fb1d7/bases/20261121T104751Z-3f9a/manifest.json',
  )
  assert.equal(line.gap(7, 12), 'orders/shards/0/0001-a33fb1d7/gaps/0000000000000007-0000000000000012.json')
  assert.equal(keys.alive(3), 'orders/lease/0000000003.alive')
  assert.equal(timelineNumber('0012-a33fb1d7'), 12)
  assert.equal(timelineNumber('latest'), undefined)
})
