// Matchers as amtool writes them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchesAll, objectionTo, parseMatcher } from './matchers.ts'

test('filters are read with and without quotes, and match as Alertmanager matches', () => {
  const labels = { alertname: 'RedisDown', deployment: 'orders' }
  const cases: readonly [string, boolean][] = [
    ['alertname="RedisDown"', true],
    ['alertname=RedisDown', true],
    ['alertname!="RedisDown"', false],
    ['alertname=~"Redis.*"', true],
    ['alertname=~"Redis"', false], // the whole value
    ['alertname!~"Redis.*"', false],
    ['deployment=~"orders|sessions"', true],
    ['owner=""', true],
    ['owner!=""', false],
    ['alertname=~"(?i)redisdown"', true],
    [' alertname = "RedisDown" ', true],
    [String.raw`alertname!="Redis\"Down"`, true],
  ]
  for (const [text, wanted] of cases) {
    const matcher = parseMatcher(text)
    assert.ok(matcher !== undefined, text)
    assert.equal(matchesAll([matcher], labels), wanted, text)
  }
  for (const text of ['', 'alertname', '="x"', 'a b=c"d']) assert.equal(parseMatcher(text), undefined, text)
})

test('what a silence may not have is named', () => {
  const base = { value: 'x', isRegex: false, isEqual: true }
  assert.equal(objectionTo({ ...base, name: 'alertname' }), undefined)
  assert.match(objectionTo({ ...base, name: 'a-b' }) ?? '', /not the name of a label/)
  assert.match(objectionTo({ ...base, name: 'a', value: '(', isRegex: true }) ?? '', /not a regular expression/)
})
