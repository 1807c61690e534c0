// A segment's plain bytes are read back to the byte, however they are cut into chunks; what is not as written down is a
// Fault that names the byte.

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Fault } from '../lib/fault.ts'
import { pieceHead, readPieces, type Piece } from './pieces.ts'

const REPLID = 'a33fb1d7'.repeat(5)
const BODIES = ['*1\r\n$4\r\nPING\r\n', '#TS:1\r\n inside of a value', '*1\r\n$4\r\nEXEC\r\n'.repeat(50), 'x'].map(
  (text) => Buffer.from(text),
)

function pieces(): { piece: Piece; body: Buffer }[] {
  let from = 1_000
  return BODIES.map((body, at) => {
    const piece = { from, to: from + body.length, fromTime: 5_000 + at, toTime: 5_900, db: at * 5, replid: REPLID }
    from = piece.to
    return { piece, body }
  })
}

const PLAIN = Buffer.concat(pieces().flatMap(({ piece, body }) => [pieceHead(piece), body]))

async function read(chunks: readonly Buffer[]): Promise<{ piece: Piece; body: Buffer }[]> {
  const found: { piece: Piece; body: Buffer }[] = []
  for await (const { piece, offset, bytes } of readPieces(Readable.from(chunks), 'it')) {
    const last = found.at(-1)
    if (last?.piece === piece) last.body = Buffer.concat([last.body, bytes])
    else found.push({ piece, body: bytes })
    assert.equal(offset + bytes.length, piece.from + (found.at(-1)?.body.length ?? 0))
  }
  return found
}

const bytewise = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]))

test('whole, byte by byte and at any cut the same comes out', async () => {
  assert.deepEqual(await read([PLAIN]), pieces())
  assert.deepEqual(await read(bytewise(PLAIN)), pieces())
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(PLAIN.length), { maxLength: 6 }), async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), PLAIN.length]
      assert.deepEqual(await read(at.slice(1).map((end, index) => PLAIN.subarray(at[index], end))), pieces())
    }),
    { numRuns: 50 },
  )
})

test('the head is a comment, a time stamp and a SELECT, as redis-server reads them', () => {
  const head = pieceHead({
    from: 1_764,
    to: 93_211,
    fromTime: 1_763_722_071_123,
    toTime: 1_763_722_071_990,
    db: 12,
    replid: REPLID,
  })
  assert.equal(
    head.toString(),
    `#RESPITE 1 1764 93211 1763722071123 1763722071990 12 ${REPLID}\r\n#TS:1763722071\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n`,
  )
})

test('what is cut, exchanged or of a newer format is a Fault', async () => {
  const second = pieceHead(pieces()[0]!.piece).length + BODIES[0]!.length
  const wrong: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.alloc(0), /the head of a piece/],
    [Buffer.from('*1\r\n$4\r\nPING\r\n'.repeat(30)), /a line that begins with #RESPITE/],
    [PLAIN.subarray(0, -1), /1 more bytes of the piece/],
    [PLAIN.subarray(0, second + 9), /the head of a piece/],
    [Buffer.concat([PLAIN, PLAIN]), /a piece that goes on at/],
    [Buffer.from(PLAIN.toString('latin1').replace('#TS:5', '#TS:6'), 'latin1'), /time stamp and SELECT/],
    [Buffer.from(PLAIN.toString('latin1').replace('#RESPITE 1', '#RESPITE 2'), 'latin1'), /its format is 2/],
  ]
  for (const [bytes, why] of wrong)
    for (const chunks of [[bytes], bytewise(bytes)])
      await assert.rejects(read(chunks), (error) => {
        assert.ok(error instanceof Fault, String(error))
        assert.match(error.why, why)
        return true
      })
})

test('damage anywhere in a head is a Fault', async () => {
  const heads = pieceHead(pieces()[0]!.piece).length
  await fc.assert(
    fc.asyncProperty(fc.nat(heads - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const damaged = Buffer.from(PLAIN)
      damaged[at] = (damaged[at] ?? 0) ^ flip
      const outcome = await read([damaged]).catch((error: unknown) => error)
      if (outcome instanceof Error) assert.ok(outcome instanceof Fault, String(outcome))
    }),
  )
})
