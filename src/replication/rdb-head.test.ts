import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRdbHead } from './rdb-head.ts'

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)])
const aux = (name: string, value: Buffer): Buffer => Buffer.concat([Buffer.from([0xfa]), text(name), value])

// As Redis 7.0 writes it, and then the sizes of database 0.
const HEAD = Buffer.concat([
  Buffer.from('REDIS0010'),
  aux('redis-ver', text('7.0.15')),
  aux('redis-bits', Buffer.from([0xc0, 64])),
  aux('repl-stream-db', Buffer.from([0xc0, 7])),
  aux('repl-id', text('a'.repeat(40))),
  Buffer.from([0xfe, 0x00, 0xfb, 0x01, 0x00]),
])

test('the head is read as soon as it is there, and not before', () => {
  for (let length = 0; length < HEAD.length; length += 1)
    assert.equal(readRdbHead(HEAD.subarray(0, length), false), undefined, `after ${length} bytes`)
  const head = readRdbHead(HEAD, false)
  assert.ok(typeof head === 'object')
  assert.deepEqual([head.flavour, head.rdbVersion], ['redis', 10])
  assert.equal(head.aux.get('repl-stream-db'), '7')
  assert.equal(head.aux.get('redis-ver'), '7.0.15')
})

test('Valkey is known by its magic, or by its own field where it still writes that of Redis', () => {
  const nine = readRdbHead(Buffer.concat([Buffer.from('VALKEY080'), Buffer.from([0xff])]), true)
  assert.deepEqual(typeof nine === 'object' && [nine.flavour, nine.rdbVersion], ['valkey', 80])
  const eight = readRdbHead(
    Buffer.concat([Buffer.from('REDIS0011'), aux('valkey-ver', text('8.1.0')), Buffer.from([0xff])]),
    true,
  )
  assert.deepEqual(typeof eight === 'object' && [eight.flavour, eight.rdbVersion], ['valkey', 11])
})

test('what is no RDB is told at once, and a head without an end is not waited for', () => {
  assert.equal(readRdbHead(Buffer.from('HTTP/1.1 400'), false), 'not-rdb')
  assert.equal(readRdbHead(Buffer.from('REDIS'), true), 'not-rdb')
  const endless = Buffer.concat([Buffer.from('REDIS0010'), aux('liar', Buffer.from([0x80, 0x7f, 0xff, 0xff, 0xff]))])
  assert.equal(readRdbHead(endless, false), undefined)
  const head = readRdbHead(Buffer.concat([endless, Buffer.alloc(70_000)]), false)
  assert.equal(typeof head === 'object' && head.aux.size, 0)
})
