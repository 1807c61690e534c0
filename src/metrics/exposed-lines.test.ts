// Lines that are kept say at each moment what lines that are written anew would say.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ExposedLines } from './exposed-lines.ts'
import { joinLines, renderExposition } from './exposition.ts'
import { counter, family, gauge, labelText, seriesOf, Snapshot, type Series } from './series.ts'

const plain = gauge('redis_lines_plain', 'Of one series.')
const many = counter('redis_lines_many_total', 'Of several.')
const buckets = family('redis_lines_usec', 'histogram', 'Whose order matters.')
const ALL: readonly Series[] = [
  seriesOf(plain),
  ...['get', 'set', 'größe', 'del'].map((cmd) => seriesOf(many, labelText({ cmd }))),
  ...['1', '2', '4', '8'].map((le) => seriesOf(buckets, labelText({ le }), '_bucket')),
]

function snapshotOf(values: readonly (number | undefined)[], order: readonly Series[] = ALL): Snapshot {
  const made = new Snapshot(1_000)
  for (const [at, series] of order.entries()) {
    const value = values[at]
    if (value !== undefined) made.add(series, value)
  }
  return made
}

const PIECE_BYTES = 100 // a line or two

const value = fc.option(fc.oneof(fc.nat({ max: 11 }), fc.double(), fc.constantFrom(-0, 1e21, 0.001)), {
  nil: undefined,
})
const values = fc.array(value, { minLength: ALL.length, maxLength: ALL.length })

/** A page by lines. Those of a family without an order of its own are sorted. */
const inOrder = (page: string): string[][] =>
  page
    .split(/^(?=# HELP)/m)
    .map((block) => (block.includes('histogram') ? block.split('\n') : block.split('\n').toSorted()))

test('whatever comes, goes and changes, the page is that of lines written anew', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(values, values), { maxLength: 8 }), (moments) => {
      const [one, other] = [new ExposedLines('instance="ä:1"'), new ExposedLines('instance="b:2"')]
      for (const [ofOne, ofOther] of moments) {
        const [first, second] = [snapshotOf(ofOne), snapshotOf(ofOther)]
        const page = joinLines([one.show(first), other.show(second)], PIECE_BYTES)
        const anew = renderExposition([
          { snapshot: first, labels: 'instance="ä:1"' },
          { snapshot: second, labels: 'instance="b:2"' },
        ])
        assert.deepEqual(inOrder(page), inOrder(anew))
      }
    }),
  )
})

test('series in another order stay where they were, and none is lost', () => {
  const lines = new ExposedLines()
  const unordered = ALL.filter(({ family }) => family !== buckets)
  const numbers = [...unordered.keys()]
  const page = joinLines([lines.show(snapshotOf(numbers, unordered))])
  const turned = snapshotOf(numbers.toReversed(), unordered.toReversed())
  assert.equal(joinLines([lines.show(turned)]), page)
})

test('a new bucket stands between those that it belongs between, also when others are missing then', () => {
  const lines = new ExposedLines()
  const boundsOf = (...shown: number[]): string[] => {
    const page = joinLines([lines.show(snapshotOf(ALL.map((_series, at) => (shown.includes(at) ? 1 : undefined))))])
    return [...page.matchAll(/le="(\d)"/g)].map(([, le = '']) => le)
  }
  assert.deepEqual(boundsOf(5, 8), ['1', '8'])
  assert.deepEqual(boundsOf(7, 8), ['4', '8'])
  assert.deepEqual(boundsOf(5, 6, 7, 8), ['1', '2', '4', '8'])
})

test('series that came only once are not kept for ever', () => {
  const lines = new ExposedLines()
  for (let id = 0; id < 50; id += 1) {
    const made = new Snapshot(1_000)
    for (let at = 0; at < 10; at += 1) made.add(seriesOf(many, labelText({ id: `${id}-${at}` })), at)
    const page = joinLines([lines.show(made)])
    assert.equal(page, renderExposition([{ snapshot: made }]))
  }
})
