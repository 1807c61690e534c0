import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { encodeCommand } from '../redis/resp.ts'
import { RequestReader } from './request-reader.ts'

test('requests are read whole and at any cuts', () => {
  const requests = fc.array(fc.array(fc.string(), { minLength: 1 }))
  fc.assert(
    fc.property(requests, fc.array(fc.nat()), (made, cuts) => {
      const bytes = Buffer.from(made.map(encodeCommand).join(''))
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
      const reader = new RequestReader()
      const read = places.slice(1).flatMap((end, at) => reader.push(bytes.subarray(places[at], end)))
      assert.deepEqual(read, made)
    }),
    { numRuns: 200 },
  )
})

test('what is no request, or none that a Sentinel would send, ends the conversation', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n\r\n',
    '*1\r\n+PING\r\n',
    '*x\r\n',
    '*9999\r\n',
    '*1\r\n$9999999\r\n',
    '*'.repeat(20),
  ])
    assert.equal(new RequestReader().push(Buffer.from(text)), undefined, text)
  const endless = new RequestReader()
  const request = `*2\r\n$6\r\nCLIENT\r\n$60000\r\n${'x'.repeat(60_000)}`
  assert.deepEqual(endless.push(Buffer.from(request)), [])
  assert.equal(
    new RequestReader().push(Buffer.from(`*3\r\n$60000\r\n${'x'.repeat(60_000)}\r\n$60000\r\n${'x'.repeat(50_000)}`)),
    undefined,
  )
})
