// Replies in pieces of every size: the same answers, and of what is no answer the same refusal.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as holds, constantFrom, letrec, maxSafeInteger, nat, oneof, property, string } from 'fast-check'
import { MOST_REPLY_BYTES, ReplyReader, type Reply } from './reply-reader.ts'

type Taken = readonly [reply: Reply, refusal: string | undefined]

/** What is read when the bytes come in pieces that end at these places. */
function read(bytes: Uint8Array, cuts: readonly number[] = []): Taken[] {
  const taken: Taken[] = []
  const reader = new ReplyReader((...reply) => taken.push(reply))
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    // Every piece lies in the same memory, before what an earlier and longer one has left there.
    const memory = Buffer.alloc(to - from + 50, '+OK\r\n')
    memory.set(bytes.subarray(from, to))
    reader.push(memory, to - from)
    memory.fill(0xee)
    from = to
  }
  return taken
}

const everyByte = (bytes: Uint8Array): number[] => Array.from(bytes, (_byte, at) => at)

const CASES: readonly { says: string; is: Reply; refusal?: string }[] = [
  { says: '+OK\r\n', is: 'OK' },
  { says: '+\r\n', is: '' },
  {
    says: '-NOAUTH Authentication required.\r\n',
    is: 'NOAUTH Authentication required.',
    refusal: 'NOAUTH Authentication required.',
  },
  { says: ':0\r\n', is: 0 },
  { says: ':-12\r\n', is: -12 },
  { says: ':9007199254740991\r\n', is: Number.MAX_SAFE_INTEGER },
  { says: '$-1\r\n', is: null },
  { says: '*-1\r\n', is: null },
  { says: '$0\r\n\r\n', is: '' },
  { says: '$7\r\na\r\nb\r\n\u0000\r\n', is: 'a\r\nb\r\n\u0000' },
  { says: '$6\r\ngrüß\r\n', is: 'grüß' },
  { says: '*0\r\n', is: [] },
  { says: '*2\r\n$3\r\nget\r\n*3\r\n:1\r\n*1\r\n+a\r\n$-1\r\n', is: ['get', [1, ['a'], null]] },
  { says: '*2\r\n-ERR one\r\n-ERR two\r\n', is: ['ERR one', 'ERR two'], refusal: 'ERR one' },
]

test('every kind of reply, whole, byte by byte, and one behind the other', () => {
  for (const { says, is, refusal } of CASES)
    for (const cuts of [[], everyByte(Buffer.from(says))])
      assert.deepEqual(read(Buffer.from(says), cuts), [[is, refusal]], JSON.stringify(says))
  const all = Buffer.from(CASES.map(({ says }) => says).join(''))
  const expected = CASES.map(({ is, refusal }) => [is, refusal])
  assert.deepEqual(read(all), expected)
  assert.deepEqual(read(all, everyByte(all)), expected)
})

const { reply } = letrec<{ reply: Reply }>((tie) => ({
  reply: oneof(
    { depthSize: 'small', withCrossShrink: true },
    constantFrom(null),
    maxSafeInteger(),
    string({ unit: 'grapheme' }),
    string({ minLength: 30, maxLength: 40 }),
    array(tie('reply'), { maxLength: 5 }),
  ),
}))

function written(one: Reply): string {
  if (one === null) return '$-1\r\n'
  if (typeof one === 'number') return `:${one}\r\n`
  if (typeof one === 'string') return `$${Buffer.byteLength(one)}\r\n${one}\r\n`
  return `*${one.length}\r\n${one.map(written).join('')}`
}

test('whatever is answered is read, wherever the pieces end', () => {
  holds(
    property(array(reply), array(nat(2_000)), (replies, places) => {
      const bytes = Buffer.from(replies.map(written).join(''))
      const cuts = places.map((at) => at % (bytes.length + 1)).toSorted((a, b) => a - b)
      const plus = (one: Reply): Reply => (Object.is(one, -0) ? 0 : one)
      assert.deepEqual(
        read(bytes, cuts),
        replies.map((one) => [plus(one), undefined]),
      )
    }),
  )
})

test('what no Redis says is refused as soon as it shows', () => {
  for (const says of [
    'HTTP/1.1 400 Bad Request\r\n',
    '\u0000',
    '%1\r\n',
    ':1x\r\n',
    '$3\r\nabcd\r\n',
    '+OK\rx\r\n',
    '*x\r\n',
  ])
    for (const cuts of [[], everyByte(Buffer.from(says))])
      assert.throws(() => read(Buffer.from(says), cuts), /not an answer of a Redis: "/, JSON.stringify(says))
})

test('no length is believed before as much has come, and 64 MiB end it', () => {
  assert.throws(() => read(Buffer.from(`$${MOST_REPLY_BYTES + 1}\r\n`)), /more than 64 MiB/)
  assert.deepEqual(read(Buffer.from(`*999999999999\r\n$${MOST_REPLY_BYTES}\r\nabc`)), [])
  const reader = new ReplyReader(() => assert.fail('there is no reply'))
  const piece = Buffer.alloc(2 ** 20, '+')
  const endless = (): void => {
    for (let sent = 0; sent <= MOST_REPLY_BYTES; sent += piece.length) reader.push(piece)
  }
  assert.throws(endless, /more than 64 MiB in one answer/)
  assert.throws(() => read(Buffer.from('*1\r\n'.repeat(5_000))), /arrays in each other/)
})
