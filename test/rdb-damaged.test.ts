// Damaged RDBs end in a value or in a Fault, and in nothing else. A few thousand of them here; `npm run long -- rdb` reads a
// million.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeValue } from '../src/rdb/decode-value.ts'
import { RdbScanner } from '../src/rdb/scanner.ts'
import { lengthOf } from './rdb-bytes.ts'
import { damagedRdb, readDamaged, type Tally } from './rdb-damage.ts'
import { handMadeRdbs } from './rdb-layouts.ts'

const COUNT = 5_000

describe('damaged RDBs', () => {
  it('are whole as long as they are not damaged', () => {
    for (const bytes of handMadeRdbs()) {
      const parts: Buffer[] = []
      const scanner = new RdbScanner({
        wants: () => true,
        value: (part) => parts.push(Buffer.from(part)),
        entry: ({ type, templates }) => {
          const value = decodeValue({ type, value: Buffer.concat(parts.splice(0)), templates })
          assert.equal(value === undefined, type.kind === 'module', type.name)
        },
      })
      scanner.push(bytes)
      assert.partialDeepStrictEqual(scanner.finish(), { complete: true, problem: undefined })
    }
  })

  it('end in a value or a Fault', () => {
    const files = handMadeRdbs()
    const tally: Tally = { complete: 0, faults: 0, unknown: 0, values: 0, valueFaults: 0 }
    for (let seed = 1; seed <= COUNT; seed += 1) {
      const { bytes, pieceBytes } = damagedRdb(seed, files)
      try {
        readDamaged(bytes, pieceBytes, tally)
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
    for (const [name, times] of Object.entries(tally)) assert.ok(times > COUNT / 100, `${name}: ${times}`)
  })

  it('take no memory for what they only claim, nor for values of any size', () => {
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    const header = Buffer.from('REDIS0010\0\x01k', 'latin1')
    for (const size of [lengthOf(2 ** 40), lengthOf(2 ** 31)]) {
      const scanner = new RdbScanner({})
      scanner.push(Buffer.concat([header, size]))
      const before = process.memoryUsage.rss()
      for (let left = 128; left > 0; left -= 1) scanner.push(chunk)
      assert.ok(process.memoryUsage.rss() - before < 64 * 1024 * 1024)
      assert.match(scanner.finish().problem?.why ?? '', /the rest of the entry that begins at byte 9/)
    }
  })
})
