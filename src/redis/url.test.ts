// Every form of URL that people write is understood or refused in words, and a password in it is never printed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Fault } from '../lib/fault.ts'
import { parseAddress, parseUrl, showAddress, showUrl, type Address } from './url.ts'

const SERVERS: readonly [string, readonly Address[]][] = [
  ['redis://10.0.0.5', [{ host: '10.0.0.5', port: 6379 }]],
  ['redis://10.0.0.5:7000/3', [{ host: '10.0.0.5', port: 7000 }]],
  ['redis:db.example:7000', [{ host: 'db.example', port: 7000 }]],
  ['rediss://db.example/', [{ host: 'db.example', port: 6379 }]],
  ['redis://[::1]:7000', [{ host: '::1', port: 7000 }]],
  ['redis://[fd00::2]', [{ host: 'fd00::2', port: 6379 }]],
  ['unix:/run/redis.sock', [{ path: '/run/redis.sock' }]],
  ['unix:///run/redis.sock', [{ path: '/run/redis.sock' }]],
  ['unix:///run/a:b@c.sock', [{ path: '/run/a:b@c.sock' }]],
  ['redis+sentinel://h1', [{ host: 'h1', port: 26379 }]],
  [
    'redis+sentinel://h1:5000,[::1],h3/orders',
    [
      { host: 'h1', port: 5000 },
      { host: '::1', port: 26379 },
      { host: 'h3', port: 26379 },
    ],
  ],
]

for (const [text, seeds] of SERVERS)
  test(`${text} names ${seeds.map(showAddress).join(' ')}`, () => {
    const target = parseUrl(text)
    assert.deepEqual(target.seeds, seeds)
    assert.equal(target.kind, text.includes('sentinel') ? 'sentinel' : 'server')
    assert.equal(target.access.tls !== undefined, text.startsWith('rediss'))
    assert.equal(target.shown, text)
  })

test('user, password, database and the name of a master are taken out, with their percent signs resolved', () => {
  assert.deepEqual(parseUrl('redis://ann:p%40ss%25@h/2').access, { user: 'ann', password: 'p@ss%' })
  assert.equal(parseUrl('redis://ann:p%40ss%25@h/2').db, 2)
  assert.deepEqual(parseUrl('redis://:secret@h').access, { password: 'secret' })
  assert.deepEqual(parseUrl('redis://ann@h').access, { user: 'ann' })
  assert.deepEqual(parseUrl('unix://ann:secret@/run/redis.sock').access, { user: 'ann', password: 'secret' })
  assert.equal(parseUrl('redis+sentinel://h/my%2Forders').masterName, 'my/orders')
  assert.equal(parseUrl('redis+sentinel://h/').masterName, undefined)
  assert.deepEqual(parseUrl('rediss+sentinel://h/orders').access, { tls: {} })
  assert.deepEqual(parseUrl('redis://h?timeout=5').seeds, [{ host: 'h', port: 6379 }])
})

test('a password that is not encoded as it should be is read all the same, when it can be', () => {
  assert.equal(parseUrl('redis://ann:a/b:c@d@h:1').access.password, 'a/b:c@d')
})

const WRONG: readonly [string, RegExp][] = [
  ['localhost:6379', /no scheme/],
  ['http://localhost', /scheme/],
  ['redis://', /host is missing/],
  ['redis:///0', /host is missing/],
  ['redis://h:70000', /65535/],
  ['redis://h:0', /65535/],
  ['redis://::1:6379', /not host:port/],
  ['redis://h:port', /not host:port/],
  ['redis://h/zero', /"zero" is not a number/],
  ['redis://h1,,h2', /not host:port/],
  ['unix://run/redis.sock', /starts with \//],
  ['redis://ann:100%sure@h', /password.*%25/],
  ['redis+sentinel://h/%zz', /name.*%25/],
]

for (const [text, why] of WRONG)
  test(`${text} is refused: ${why.source}`, () => {
    assert.throws(
      () => parseUrl(text),
      (thrown) => thrown instanceof Fault && thrown.exit === 64 && why.test(thrown.why) && thrown.hint !== undefined,
    )
  })

const SECRET = 'S3CR3T'
const secretive = fc
  .tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }))
  .map(([before, after]) => `${before}${SECRET}${after}`)
const schemes = fc.constantFrom(
  'redis://',
  'rediss://',
  'redis:',
  'unix://',
  'redis+sentinel://',
  'REDIS://',
  'x://',
  '',
)

test('whatever surrounds a password, it is in no Fault and in nothing that is shown', () => {
  const places = fc.constantFrom('h', 'h:6379/0', '/run/redis.sock', 'h:x', 'a,b/name', '', '[::1')
  fc.assert(
    fc.property(schemes, fc.constantFrom('', 'ann', 'a b'), secretive, places, (scheme, user, password, place) => {
      const text = `${scheme}${user}:${password}@${place}`
      assert.doesNotMatch(showUrl(text), /S3CR3T/)
      try {
        assert.doesNotMatch(parseUrl(text).shown, /S3CR3T/)
      } catch (thrown) {
        assert.ok(thrown instanceof Fault, String(thrown))
        assert.doesNotMatch(JSON.stringify(thrown) + thrown.toText() + thrown.message, /S3CR3T/)
      }
    }),
  )
})

test('a password among the options of a URL is not shown either', () => {
  assert.equal(showUrl('redis://h?password=S3CR3T&x=1'), 'redis://h?password=***&x=1')
})

test('any text gives a target or a Fault', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(schemes, fc.string()).map(([a, b]) => a + b),
      ),
      (text) => {
        try {
          assert.ok(parseUrl(text).seeds.length > 0)
        } catch (thrown) {
          assert.ok(thrown instanceof Fault, String(thrown))
        }
      },
    ),
  )
})

test('an address that is shown is read as the same address', () => {
  const addresses: Address[] = [{ host: '::1', port: 1 }, { host: 'h', port: 65_535 }, { path: '/run/redis.sock' }]
  for (const address of addresses) assert.deepEqual(parseAddress(showAddress(address)), address)
  assert.throws(() => parseAddress('h:NaN'), Fault)
})
