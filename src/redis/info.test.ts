// INFO is read in one pass, whatever a server, a proxy or a hostile one puts into it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { infoNumber, parseInfo, parsePairs } from './info.ts'

test('sections are passed over, values keep their colons, the last line needs no end', () => {
  const info = parseInfo('# Server\r\nredis_version:7.0.15\r\nexecutable:/a:b\r\n\r\n# Clients\r\nempty:\r\nlast:1')
  assert.deepEqual(
    [...info],
    [
      ['redis_version', '7.0.15'],
      ['executable', '/a:b'],
      ['empty', ''],
      ['last', '1'],
    ],
  )
})

test('plain line ends are read as well, and lines without a field are passed over', () => {
  assert.deepEqual(
    [...parseInfo('a:1\nno field here\n:nameless\n#b:2\nc:3\n')],
    [
      ['a', '1'],
      ['c', '3'],
    ],
  )
})

test('a number that is none is not said, never zero', () => {
  const info = parseInfo('a:1.5\nb:\nc:nan\nd:inf\ne:ok\nf:-3\n')
  assert.deepEqual(
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((field) => infoNumber(info, field)),
    [1.5, undefined, undefined, undefined, undefined, -3, undefined],
  )
})

test('pairs are split at the first equals sign', () => {
  assert.deepEqual(parsePairs('ip=::1,port=6379,state=a=b,,=x,y'), { ip: '::1', port: '6379', state: 'a=b' })
})

test('every field that is written is read back', () => {
  const field = fc.stringMatching(/^[a-z_0-9]{1,20}$/)
  const value = fc.string().filter((text) => !/[\r\n]/.test(text))
  fc.assert(
    fc.property(fc.dictionary(field, value), fc.constantFrom('\n', '\r\n'), (fields, end) => {
      const text = Object.entries(fields)
        .map(([name, said]) => `${name}:${said}${end}`)
        .join(`# Section${end}`)
      assert.deepEqual([...parseInfo(text)], Object.entries(fields))
    }),
  )
})

test('no text makes the parsers throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      parsePairs(text)
      for (const name of parseInfo(text).keys()) infoNumber(parseInfo(text), name)
    }),
  )
})

test('names that are remembered give the same fields, also when lines come, go and change places', () => {
  const fields: string[] = []
  for (const text of [
    'a:1\r\nab:2\r\nc:3\r\n',
    'a:4\r\nab:5\r\nc:6\r\n',
    'ab:7\r\na:8\r\n',
    '# S\r\nabc:1\r\na:2\r\nc:3\r\nab:4\r\n',
  ])
    assert.deepEqual([...parseInfo(text, fields)], [...parseInfo(text)])
})
