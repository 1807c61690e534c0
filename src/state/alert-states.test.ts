// The alerts of rules on a real disk: what was kept is there again, bit for bit.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { AlertState } from './alert-states.ts'
import { openState } from './open-state.ts'

let dir = ''
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'respite-state-'))))
afterEach(() => rmSync(dir, { recursive: true }))

const alert = (over: Partial<AlertState> = {}): AlertState => ({
  labels: { alertname: 'High', instance: '10.0.0.5:6379' },
  annotations: { says: 'used "much"\n' },
  state: 'firing',
  value: 0.1,
  activeAtMs: 1_700_000_000_123,
  firedAtMs: 1_700_000_060_123,
  keepFiringSinceMs: undefined,
  ...over,
})

describe('the alerts of rules', () => {
  it('are there again after a restart, by rule', () => {
    const first = openState(dir)
    const others = [NaN, Infinity, -0.1].map((value, at) => {
      return alert({ labels: { alertname: 'B', n: String(at) }, value, state: 'pending', firedAtMs: undefined })
    })
    first.alertStates.save('a', [alert()])
    first.alertStates.save('b', others)
    first.alertStates.alive(1_700_000_099_000.4)
    first.close()
    const second = openState(dir)
    assert.deepEqual(second.alertStates.load(), [
      { rule: 'a', alerts: [alert()] },
      { rule: 'b', alerts: others },
    ])
    assert.equal(second.alertStates.aliveAtMs(), 1_700_000_099_000)
    second.close()
  })

  it('of a rule are replaced as a whole, and forgotten when there are none', () => {
    const { alertStates, close } = openState(':memory:')
    assert.deepEqual([alertStates.load(), alertStates.aliveAtMs()], [[], undefined])
    alertStates.save('a', [alert(), alert({ labels: { alertname: 'Low' } })])
    alertStates.save('a', [alert({ keepFiringSinceMs: 5 })])
    assert.deepEqual(alertStates.load(), [{ rule: 'a', alerts: [alert({ keepFiringSinceMs: 5 })] }])
    alertStates.save('a', [])
    assert.deepEqual(alertStates.load(), [])
    close()
  })

  it('may be ten thousand', () => {
    const { alertStates, close } = openState(dir)
    const many = Array.from({ length: 10_000 }, (_none, at) => alert({ labels: { alertname: 'High', n: String(at) } }))
    alertStates.save('a', many)
    assert.equal(alertStates.load()[0]?.alerts.length, 10_000)
    close()
  })
})
