import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeMatcher } from './matcher.ts'
import { compileRegexp } from './regexp.ts'

const MATCHES: readonly (readonly [pattern: string, yes: string, no: string])[] = [
  ['a|b', 'b', 'ab'],
  ['.*x', 'a\nx', 'xa'],
  ['(?i)foo', 'FOO', 'FO'],
  ['a(?i)b|c', 'aB', 'A'],
  ['a(?i)b|c', 'C', 'Ab'],
  ['x((?i)y).*', 'xYz', 'XY'],
  ['(?P<n>a)b', 'ab', 'b'],
  ['[[:alpha:]_]+', 'a_B', 'a1'],
  ['[^[:digit:]]', 'a', '1'],
  ['[]a]+', ']a', 'b'],
  ['a{2}', 'aa', 'a{2}'],
  ['a{,2}', 'a{,2}', 'aa'],
  ['{a}', '{a}', 'a'],
  ['\\Qa.b\\E+', 'a.bb', 'axb'],
  ['\\pL+', 'é', '1'],
  ['\\x{e9}', 'é', 'e'],
  ['\\d+\\.\\d', '12.3', '12x3'],
  ['a\\-b\\"\\/', 'a-b"/', 'a'],
  ['[a\\-z]', '-', 'b'],
  ['\\s', ' ', 'a'],
  ['', '', 'a'],
]

test('RE2’s syntax matches the whole text', () => {
  for (const [pattern, yes, no] of MATCHES) {
    const regexp = compileRegexp(pattern)
    assert.ok(typeof regexp !== 'string', `${pattern}: ${String(regexp)}`)
    assert.ok(regexp.test(yes), `${pattern} matches ${yes}`)
    assert.ok(!regexp.test(no), `${pattern} does not match ${no}`)
  }
})

test('what RE2 does not have is refused, with a reason', () => {
  for (const pattern of ['a(?=b)', '(a)\\1', '(?<!a)b', '(a', 'a)', '[a', '*', 'a\\', '\\y'])
    assert.equal(typeof compileRegexp(pattern), 'string', pattern)
})

test('a matcher compares the whole value, and a label that is missing is the empty text', () => {
  const matches = (operator: '=' | '!=' | '=~' | '!~', value: string, other: string): boolean => {
    const matcher = makeMatcher('x', operator, value)
    assert.ok(typeof matcher !== 'string')
    return matcher.matches(other)
  }
  assert.ok(matches('=~', 'a|b', 'a'))
  assert.ok(!matches('=~', 'a|b', 'abc'))
  assert.ok(matches('=~', 'a|', ''))
  assert.ok(matches('!~', '.+', ''))
  assert.ok(matches('=~', '.*', ''))
  assert.ok(matches('!=', 'a', ''))
  assert.ok(matches('=~', '10.0.0.1:6379|b', '10x0x0x1:6379'))
})
