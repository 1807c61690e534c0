// Our patterns match what the server's do.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../lab/servers.ts'
import { compileGlob } from '../src/redis/glob.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const PATTERNS = [
  '*',
  'session:*',
  's?ssion:*',
  '*:1',
  'a*b*c',
  '[a-c]*',
  '[^a-c]*',
  '[z-a]*',
  'x\\*y',
  '\\[a]',
  '[\\]]',
  '[abc',
  '**a**',
  '',
]
const KEYS = [
  'session:1',
  'session:',
  'sassion:x',
  'a',
  'abc',
  'aXbXc',
  'aXbXcX',
  'b:1',
  'd',
  ']',
  '[a]',
  'x*y',
  'xay',
  'ü',
  '*',
  '\\',
]

test('a pattern matches the keys that redis-server finds by it', async (t) => {
  const server = await startServer({ name: 'glob' })
  t.after(() => server.stop())
  for (const key of KEYS) await server.cli('SET', key, '1')
  for (const pattern of PATTERNS.filter((each) => each !== '')) {
    const found = (await server.cli('--raw', 'KEYS', pattern)).split('\n').filter((line) => line !== '')
    const matching = KEYS.filter((key) => compileGlob(pattern)(Buffer.from(`<${key}>`), 1, Buffer.byteLength(key) + 1))
    assert.deepEqual(matching.toSorted(), found.toSorted(), pattern)
  }
})
