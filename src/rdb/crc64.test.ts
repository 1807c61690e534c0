// The fast sum is the slow one, whatever the length and the pieces.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Crc64, crc64 } from './crc64.ts'

/** Bit by bit, as the polynomial has it. */
function slowly(bytes: Uint8Array): Buffer {
  let crc = 0n
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1n) === 0n ? crc >> 1n : (crc >> 1n) ^ 0x95ac9329ac4bc9b5n
  }
  const digest = Buffer.alloc(8)
  digest.writeBigUInt64LE(crc)
  return digest
}

const BYTES = Buffer.from(Array.from({ length: 150_000 }, (_, at) => (at * 31 + (at >> 7)) & 255))

describe('CRC-64', () => {
  it('is that of Redis', () => {
    assert.equal(crc64(Buffer.from('123456789')).readBigUInt64LE().toString(16), 'e9c6d914c4b8d9ca')
    assert.deepEqual(crc64(Buffer.alloc(0)), Buffer.alloc(8))
  })

  it('is the same at every length around its blocks', () => {
    for (const around of [0, 8, 4096, 8192, 16_384, 131_072])
      for (const length of [around, around + 1, around + 7, around + 9]) {
        const bytes = BYTES.subarray(0, length)
        assert.deepEqual(crc64(bytes), slowly(bytes), `${length} bytes`)
      }
  })

  it('is the same in any pieces', () => {
    const whole = crc64(BYTES)
    fc.assert(
      fc.property(fc.array(fc.nat(BYTES.length), { maxLength: 10 }), (cuts) => {
        const sum = new Crc64()
        const places = [0, ...cuts.toSorted((a, b) => a - b), BYTES.length]
        for (const [at, from] of places.slice(0, -1).entries()) sum.add(BYTES, from, places[at + 1])
        assert.deepEqual(sum.digest(), whole)
      }),
    )
  })
})
