// The stream between its arrival and a segment: cut between transactions, in pieces of a second, and cut again where a base
// was taken.

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { StreamFramer } from '../replication/stream-framer.ts'
import { readPieces, type Piece } from './pieces.ts'
import { plainOf, StreamBuffer, type Cut } from './stream-buffer.ts'

const REPLID = 'a33fb1d7'.repeat(5)
const START = { offset: 1_000, db: 0, replid: REPLID }
const SECOND = 1_763_722_071_000

function command(...words: string[]): Buffer {
  return Buffer.from(
    `*${words.length}\r\n` + words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join(''),
  )
}

/** A buffer with its framer, as the link drives it. */
function streaming(): { buffer: StreamBuffer; push(bytes: Buffer, at: number): void } {
  const buffer = new StreamBuffer(START)
  const framer = new StreamFramer({ ...START, name: 'it' })
  return { buffer, push: (bytes, at) => buffer.append(bytes, framer.push(bytes), at) }
}

async function read(cut: Cut | undefined): Promise<{ pieces: Piece[]; stream: Buffer }> {
  assert.ok(cut !== undefined)
  const pieces: Piece[] = []
  const parts: Buffer[] = []
  for await (const { piece, bytes } of readPieces(Readable.from([Buffer.concat(plainOf(cut))]), 'it')) {
    if (pieces.at(-1) !== piece) pieces.push(piece)
    parts.push(bytes)
  }
  return { pieces, stream: Buffer.concat(parts) }
}

test('what arrived comes out to the byte, a piece for each second', async () => {
  const { buffer, push } = streaming()
  const [first, select, second] = [command('SET', 'a', '1'), command('SELECT', '3'), command('SET', 'b', '2')]
  push(first, SECOND)
  push(select, SECOND + 400)
  push(second, SECOND + 1_200)
  const cut = buffer.cut()
  const { pieces, stream } = await read(cut)
  assert.ok(stream.equals(Buffer.concat([first, select, second])))
  const border = 1_000 + first.length + select.length
  assert.deepEqual(
    pieces.map(({ from, to, fromTime, toTime, db }) => [from, to, fromTime - SECOND, toTime - SECOND, db]),
    [
      [1_000, border, 0, 400, 0],
      [border, border + second.length, 1_200, 1_200, 3],
    ],
  )
  assert.equal(cut?.db, 3)
  assert.equal(buffer.cut(), undefined)
})

test('a transaction that is open stays behind, and comes whole with the next', async () => {
  const { buffer, push } = streaming()
  push(command('SET', 'a', '1'), SECOND)
  push(Buffer.concat([command('MULTI'), command('SET', 'b', '2')]), SECOND + 10)
  const { stream } = await read(buffer.cut())
  assert.ok(stream.equals(command('SET', 'a', '1')))
  assert.equal(buffer.cut(), undefined)
  push(command('EXEC'), SECOND + 2_000)
  const rest = await read(buffer.cut())
  assert.ok(rest.stream.equals(Buffer.concat([command('MULTI'), command('SET', 'b', '2'), command('EXEC')])))
})

test('a lost link takes what was not whole with it, and a failover gives the rest another id', async () => {
  const { buffer, push } = streaming()
  const whole = command('SET', 'a', '1')
  push(Buffer.concat([whole, Buffer.from('*3\r\n$3\r\nSE')]), SECOND)
  const next = 'b'.repeat(40)
  buffer.resume(next)
  const framer = new StreamFramer({ offset: 1_000 + whole.length, db: 0, name: 'it' })
  const more = command('SET', 'c', '3')
  buffer.append(more, framer.push(more), SECOND + 20)
  const { pieces, stream } = await read(buffer.cut())
  assert.ok(stream.equals(Buffer.concat([whole, more])))
  assert.deepEqual(
    pieces.map(({ replid }) => replid),
    [REPLID, next],
  )
})

test('a clock that is set back does not turn the order of the pieces', async () => {
  const { buffer, push } = streaming()
  push(command('SET', 'a', '1'), SECOND)
  push(command('SET', 'b', '2'), SECOND - 3_600_000)
  const { pieces } = await read(buffer.cut())
  assert.deepEqual(
    pieces.map(({ toTime }) => toTime),
    [SECOND],
  )
})

test('a base whose offset lies ahead, in what is held, or in what was cut already gets a segment that begins there', async () => {
  const commands = Array.from({ length: 9 }, (_, at) => command('SET', `key${at}`, 'x'.repeat(at)))
  const offsets = commands.map((_, at) => 1_000 + Buffer.concat(commands.slice(0, at)).length)
  const all = Buffer.concat(commands)
  for (const [at, offset] of offsets.entries()) {
    const { buffer, push } = streaming()
    for (const one of commands.slice(0, 3)) push(one, SECOND)
    const cuts = [buffer.cut()]
    for (const one of commands.slice(3, 6)) push(one, SECOND + 1_000)
    let around = buffer.cutAround({ offset, db: 0 })
    assert.equal(around === undefined, at > 6)
    for (const one of commands.slice(6)) push(one, SECOND + 2_000)
    around ??= buffer.cutAround({ offset, db: 0 })
    cuts.push(around?.head, around?.tail, buffer.cut())
    const read9 = await Promise.all(
      cuts.filter((cut) => cut !== undefined).map(async (cut) => ({ cut, ...(await read(cut)) })),
    )
    assert.ok(
      read9.some(({ cut }) => cut.from === offset),
      `${at}`,
    )
    for (const { cut, stream } of read9) assert.ok(stream.equals(all.subarray(cut.from - 1_000, cut.to - 1_000)))
  }
})

test('the memory of a cut is used again when all have let go of it, and not before', async () => {
  const { buffer, push } = streaming()
  const large = (letter: string): Buffer => command('SET', letter, letter.repeat(6_000_000))
  const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const held: { cut: Cut; letter: string }[] = []
  const memory = new Set<ArrayBufferLike>()
  for (const [at, letter] of letters.entries()) {
    push(large(letter), SECOND + at * 4_000) // two of them are within the ten seconds that a base may be late
    push(Buffer.from('*1\r\n'), SECOND + at * 4_000)
    const cut = buffer.cut()
    assert.ok(cut !== undefined)
    held.push({ cut, letter })
    for (const { bytes } of cut.pieces) for (const { buffer: slab } of bytes) memory.add(slab)
    push(Buffer.from('$4\r\nPING\r\n'), SECOND + at * 4_000)
    if (held.length < 3) continue
    const { cut: oldest, letter: of } = held.shift() ?? { cut, letter }
    const { stream } = await read(oldest)
    assert.ok(stream.includes(large(of)), of)
    oldest.held.letGo()
  }
  assert.ok(memory.size < 20, `${memory.size} slabs for eight cuts of three each`)
})

test('however the stream is cut into chunks and segments, nothing is lost and nothing comes twice', async () => {
  const commands = [
    command('MULTI'),
    command('SELECT', '2'),
    command('SET', 'a', 'b'.repeat(100)),
    command('EXEC'),
    command('PING'),
    command('SELECT', '0'),
    command('DEL', 'x'),
  ]
  const all = Buffer.concat(commands)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 60 }), ms: fc.nat(900), cuts: fc.boolean() })),
      async (steps) => {
        const { buffer, push } = streaming()
        const cuts: (Cut | undefined)[] = []
        let at = 0
        let now = SECOND
        for (const { bytes, ms, cuts: isCut } of steps) {
          if (at < all.length) push(all.subarray(at, at + bytes), (now += ms))
          at += bytes
          if (isCut) cuts.push(buffer.cut())
        }
        if (at < all.length) push(all.subarray(at), now)
        cuts.push(buffer.cut())
        const parts = await Promise.all(cuts.filter((cut) => cut !== undefined).map((cut) => read(cut)))
        assert.ok(Buffer.concat(parts.map(({ stream }) => stream)).equals(all))
        const pieces = parts.flatMap((part) => part.pieces)
        for (const [index, piece] of pieces.entries()) if (index > 0) assert.equal(piece.from, pieces[index - 1]?.to)
      },
    ),
  )
})
