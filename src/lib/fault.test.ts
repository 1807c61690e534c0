// A failure is told the same way everywhere: what was done to what, why it failed, and what to do now.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, fileReasonOf, reasonOf } from './fault.ts'

const parts = { doing: 'reading the dump', target: 'a.rdb', why: 'it ends in the middle' }

test('two lines for a person, and the contract for a program', () => {
  const fault = new Fault({ ...parts, hint: 'Copy it again.', offset: 9 })
  assert.equal(fault.toText(), 'reading the dump a.rdb (byte 9): it ends in the middle\n  Copy it again.')
  assert.deepEqual(JSON.parse(JSON.stringify(fault)), { fault: { ...parts, hint: 'Copy it again.', offset: 9 } })
})

test('without a hint and an offset there is one line, and the hint of a program is empty', () => {
  const fault = new Fault(parts)
  assert.equal(fault.toText(), 'reading the dump a.rdb: it ends in the middle')
  assert.deepEqual(fault.toJSON(), { fault: { ...parts, hint: '' } })
  assert.deepEqual([fault.exit, fault.retryable], [2, true])
  assert.equal(fault.message, fault.toText())
})

test('the cause is kept and not told', () => {
  const cause = new Error('EPIPE')
  assert.equal(new Fault({ ...parts, cause }).cause, cause)
  assert.doesNotMatch(new Fault({ ...parts, cause }).toText(), /EPIPE/)
})

test('the reason of anything that is thrown', () => {
  assert.equal(reasonOf(new Fault(parts)), 'it ends in the middle')
  assert.equal(reasonOf(new Error('no')), 'no')
  assert.equal(reasonOf(new AggregateError([new Error('a'), 'b'])), 'a; b')
  assert.equal(reasonOf('text'), 'text')
  assert.equal(reasonOf(undefined), 'undefined')
})

test('a file that cannot be read is said in words, and without its path a second time', () => {
  const thrown = (code: string): Error => Object.assign(new Error(`${code}: no such file, open 'a'`), { code })
  assert.equal(fileReasonOf(thrown('ENOENT')), 'there is no such file')
  assert.equal(fileReasonOf(thrown('EIO')), "EIO: no such file, open 'a'")
})
