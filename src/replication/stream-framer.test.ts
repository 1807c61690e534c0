// The framer is tested whole, byte by byte, and at random cuts, from streams that are made with their answer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Fault } from '../lib/fault.ts'
import { encodeCommand } from '../redis/resp.ts'
import { StreamFramer, type Frame } from './stream-framer.ts'

const START = { offset: 1000, db: 0, name: 'a test' }

/** What all frames of a stream say together. */
interface Sum {
  safe: number
  db: number
  commands: number
  removed: number
  wipes: Frame['wipes'][number][]
  getAcks: number[]
  removedFrom: number[]
}

function frames(chunks: readonly Buffer[]): Frame[] {
  const framer = new StreamFramer(START)
  return chunks.map((chunk) => framer.push(chunk))
}

function sumOf(all: readonly Frame[]): Sum {
  const last = all.at(-1)
  return {
    safe: last?.safe ?? START.offset,
    db: last?.db ?? START.db,
    commands: all.reduce((sum, frame) => sum + frame.commands, 0),
    removed: all.reduce((sum, frame) => sum + frame.removed, 0),
    wipes: all.flatMap((frame) => frame.wipes),
    getAcks: all.flatMap((frame) => frame.getAck ?? []),
    removedFrom: all.flatMap((frame) => frame.removedFrom ?? []),
  }
}

const stream = (...commands: string[][]): Buffer => Buffer.from(commands.map(encodeCommand).join(''), 'latin1')
const bytesOf = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]))

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end))
}

test('a chunk is safe behind its last whole command', () => {
  const first = stream(['SELECT', '3'], ['SET', 'key', 'value'])
  const second = stream(['DEL', 'key', 'other'])
  const [whole, cut, rest] = frames([first, second.subarray(0, 10), second.subarray(10)])
  assert.deepEqual([whole?.safe, whole?.db], [1000 + first.length, 3])
  assert.deepEqual([cut?.safe, cut?.commands], [1000 + first.length, 0])
  assert.deepEqual([rest?.safe, rest?.removed], [1000 + first.length + second.length, 2])
})

test('a transaction is one piece, and so is the database that it selects', () => {
  const before = stream(['SELECT', '1'], ['SET', 'a', '1'])
  const open = stream(['MULTI'], ['SELECT', '2'], ['SET', 'b', '1'])
  const end = stream(['EXEC'])
  const [first, second, third] = frames([before, open, end])
  assert.deepEqual([first?.safe, first?.db], [1000 + before.length, 1])
  assert.deepEqual([second?.safe, second?.db], [1000 + before.length, 1])
  assert.deepEqual([third?.safe, third?.db], [1000 + before.length + open.length + end.length, 2])
})

test('a command that wipes a database is seen in any case, with the place before it', () => {
  const before = stream(['SELECT', '5'], ['SET', 'a', '1'])
  const wipes = stream(['flushdb', 'ASYNC'], ['MULTI'], ['SET', 'b', '1'], ['FlushAll'], ['SWAPDB', '0', '1'], ['EXEC'])
  const [frame] = frames([Buffer.concat([before, wipes])])
  const firstWipe = 1000 + before.length
  const inTransaction = firstWipe + stream(['flushdb', 'ASYNC']).length
  assert.deepEqual(frame?.wipes, [
    { command: 'FLUSHDB', db: 5, before: firstWipe, dbBefore: 5 },
    { command: 'FLUSHALL', db: 5, before: inTransaction, dbBefore: 5 },
    { command: 'SWAPDB', db: 5, before: inTransaction, dbBefore: 5 },
  ])
})

test('removed keys are counted from the place before the first of them', () => {
  const before = stream(['SET', 'a', '1'])
  const [frame] = frames([Buffer.concat([before, stream(['UNLINK', 'a', 'b', 'c'], ['DEL', 'd'], ['HDEL', 'h', 'f'])])])
  assert.deepEqual([frame?.removed, frame?.removedFrom], [4, 1000 + before.length])
})

test('GETACK is reported with the offset behind it', () => {
  const bytes = stream(['SET', 'a', '1'], ['REPLCONF', 'GETACK', '*'])
  const [frame] = frames([Buffer.concat([bytes, stream(['PING'])])])
  assert.equal(frame?.getAck, 1000 + bytes.length)
})

const word = fc.oneof(
  fc.constantFrom('', 'a', '\r\n', '*1\r\n$4\r\nEXEC\r\n', 'x'.repeat(300)),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
)
const plain = fc
  .tuple(fc.constantFrom('SET', 'PING', 'LPUSH', 'DELETE', 'XSELEC', 'a-command-with-a-very-long-name'), fc.array(word))
  .map(([name, words]) => [name, ...words])
const known = fc.oneof(
  fc.nat(20).map((db) => ['SELECT', String(db)]),
  fc.array(word, { minLength: 1 }).map((keys) => ['DEL', ...keys]),
  fc.array(word, { minLength: 1 }).map((keys) => ['unlink', ...keys]),
  fc.constantFrom(['FLUSHALL'], ['FLUSHDB', 'SYNC'], ['SWAPDB', '1', '2'], ['REPLCONF', 'GETACK', '*']),
)
const command = fc.oneof(plain, known)
const commands = fc.array(
  fc.oneof(
    command,
    fc.array(command).map((inside) => [['MULTI'], ...inside, ['EXEC']]),
  ),
)

/** The answer for a stream, from the commands that it was made of. */
function modelOf(all: readonly string[][]): Omit<Sum, 'removedFrom'> {
  const sum = {
    safe: START.offset,
    db: 0,
    commands: all.length,
    removed: 0,
    wipes: [] as Sum['wipes'],
    getAcks: [] as number[],
  }
  let [offset, db, inside] = [START.offset, 0, false]
  for (const [name = '', ...words] of all) {
    const upper = name.toUpperCase()
    offset += Buffer.byteLength(encodeCommand([name, ...words]), 'latin1')
    if (upper === 'MULTI' || upper === 'EXEC') inside = upper === 'MULTI'
    if (upper === 'SELECT') db = Number(words[0])
    if (upper === 'DEL' || upper === 'UNLINK') sum.removed += words.length
    if (upper === 'REPLCONF') sum.getAcks.push(offset)
    if (upper === 'FLUSHALL' || upper === 'FLUSHDB' || upper === 'SWAPDB')
      sum.wipes.push({ command: upper, db, before: sum.safe, dbBefore: sum.db })
    if (!inside) [sum.safe, sum.db] = [offset, db]
  }
  return sum
}

test('whole, byte by byte and at any cuts, a stream says the same', () => {
  const property = fc.property(commands, fc.array(fc.nat()), (made, cuts) => {
    const all = made.flatMap((one) => (Array.isArray(one[0]) ? (one as string[][]) : [one as string[]]))
    const bytes = stream(...all)
    const { removedFrom: _whole, getAcks: _acks, ...whole } = sumOf(frames([bytes]))
    const { getAcks, ...model } = modelOf(all)
    assert.deepEqual(whole, model)
    const { removedFrom: _piece, ...single } = sumOf(frames(bytesOf(bytes)))
    assert.deepEqual(single, { ...model, getAcks })
    const { removedFrom: _cut, getAcks: _some, ...cut } = sumOf(frames(cutAt(bytes, cuts)))
    assert.deepEqual(cut, model)
  })
  fc.assert(property, { numRuns: 300 })
})

test('the frames of a stream follow each other without a hole', () => {
  fc.assert(
    fc.property(fc.array(plain, { minLength: 1 }), fc.array(fc.nat()), (made, cuts) => {
      let end = START.offset
      for (const frame of frames(cutAt(stream(...made), cuts))) {
        assert.equal(frame.start, end)
        assert.ok(frame.safe <= frame.end)
        end = frame.end
      }
    }),
    { numRuns: 100 },
  )
})

const MALFORMED: readonly (readonly [string, string, number])[] = [
  ['an inline command', 'PING\r\n', 0],
  ['another type', '*1\r\n+OK\r\n', 4],
  ['no count', '*\r\n', 1],
  ['no words', '*0\r\n', 3],
  ['a negative length', '*1\r\n$-1\r\n', 5],
  ['a length that is no number', '*1\r\n$1x\r\n', 6],
  ['a length that no number holds', `*1\r\n$${'9'.repeat(16)}\r\n`, 20],
  ['a word longer than it says', '*1\r\n$3\r\nPINGG\r\n', 11],
  ['a line end that is none', '*1\r\n$4\r\nPING\rX', 13],
]

for (const [what, text, at] of MALFORMED)
  test(`${what} is a Fault with its offset, in one piece and in single bytes`, () => {
    const good = stream(['SET', 'a', '1'])
    const bytes = Buffer.concat([good, Buffer.from(text)])
    for (const chunks of [[bytes], bytesOf(bytes)])
      assert.throws(
        () => frames(chunks),
        (error: unknown) => error instanceof Fault && error.offset === START.offset + good.length + at,
      )
  })

test('whatever comes is framed or refused, and never taken for a whole command by mistake', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      const bytes = Buffer.concat([stream(['SET', 'a', '1']), noise])
      const outcome = (chunks: Buffer[]): unknown => {
        try {
          const { safe, commands } = sumOf(frames(chunks))
          return { safe, commands }
        } catch (error) {
          return (error as Fault).offset
        }
      }
      assert.deepEqual(outcome([bytes]), outcome(bytesOf(bytes)))
    }),
  )
})
