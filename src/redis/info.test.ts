// INFO is read in one pass, whatever a server, a proxy or a hostile one puts into it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { infoNumber, InfoReader, parseInfo, parsePairs } from './info.ts'

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
      for (const name of parseInfo(text).names) infoNumber(parseInfo(text), name)
    }),
  )
})

test('a name that stands there twice counts once', () => {
  assert.deepEqual(
    [...parseInfo('a:1\nb:2\na:3\n')],
    [
      ['a', '1'],
      ['b', '2'],
    ],
  )
})

test('one text after the other gives the same fields as each alone, also when lines come, go and change places', () => {
  const name = fc.constantFrom('a', 'ab', 'abc', 'b', 'bc')
  const line = fc.oneof(
    fc.tuple(name, fc.nat({ max: 99 })).map(([field, value]) => `${field}:${value}`),
    fc.constantFrom('', '# S', 'nothing', ':1'),
  )
  const text = fc.array(line).map((lines) => lines.join('\r\n'))
  fc.assert(
    fc.property(fc.array(text), (texts) => {
      const reader = new InfoReader()
      const read = texts.map((one) => reader.read(one))
      assert.deepEqual(
        read.map((info) => [...info]),
        texts.map((one) => [...parseInfo(one)]),
      )
      for (const info of read) for (const [field, said] of info) assert.equal(info.get(field), said)
    }),
  )
})

test('the names are the same array while the fields are the same', () => {
  const reader = new InfoReader()
  const { names } = reader.read('a:1\r\nb:2\r\n')
  assert.equal(reader.read('a:3\r\nb:4\r\n').names, names)
  assert.notEqual(reader.read('a:3\r\n').names, names)
})

test('a number in digits is the same read where it stands, and nothing else is one', () => {
  const said = fc.oneof(
    fc.constantFrom('', '-1', '1e5', '12.5%', 'ok', '1.2.3', '00', '18446744073709551615', '0.0000001'),
    fc.nat().map(String),
    fc.tuple(fc.nat(), fc.nat({ max: 999 })).map(([whole, part]) => `${whole}.${part}`),
  )
  fc.assert(
    fc.property(fc.array(said), (values) => {
      const info = parseInfo(values.map((value, at) => `f${at}:${value}\r\n`).join(''))
      for (const [at, value] of values.entries()) {
        assert.equal(info.textAt(at), value)
        assert.equal(info.digitsAt(at), /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined)
      }
    }),
  )
})

test('sections that are left to somebody else are taken out wherever they stand', () => {
  const reader = new InfoReader('Commandstats', 'Latencystats')
  const text =
    '# Server\r\na:1\r\n\r\n# Commandstats\r\nc:1\r\n\r\n# Errorstats\r\ne:1\r\n\r\n# Latencystats\r\nl:1\r\n'
  assert.deepEqual(reader.read(text).names, ['a', 'e'])
  const lines = (): string[] => reader.sections.map(({ text, from, to }) => text.slice(from, to))
  assert.deepEqual(lines(), ['c:1\r\n\r\n', 'l:1\r\n'])
  assert.deepEqual(reader.read('a:1\r\n# Commandstats').names, ['a'])
  assert.deepEqual(lines(), ['', ''])
})
