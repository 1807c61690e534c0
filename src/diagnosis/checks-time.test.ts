// A clock cannot be set on the machine of a test without harming others: its evidence is constructed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Found } from './check.ts'
import clockJump from './checks/clock-jump.ts'
import type { InfoSeen, ServerEvidence } from './evidence.ts'

const NOW = Date.parse('2026-01-02T03:04:05Z')

/** What is found of a server whose clock shows these two times, a second apart. */
function found(beforeMs: number, afterMs: number, more: Partial<InfoSeen> = {}): Found | undefined {
  const fieldsAt = (ms: number): Record<string, string> => ({ server_time_usec: String(ms * 1_000) })
  const info = {
    before: fieldsAt(beforeMs),
    fields: fieldsAt(afterMs),
    apartMs: 1_000,
    askedAt: NOW,
    answeredAt: NOW + 20,
    ...more,
  }
  const answer = { id: 'ok', forMs: 0 } as const
  const server: ServerEvidence = {
    id: 'h:1',
    address: 'h:1',
    role: 'primary',
    standing: 'expected',
    answer,
    asked: true,
    local: false,
    info,
    couldNotLook: [],
  }
  return clockJump.look(server)
}

test('a clock like ours is no news, nor is an answer that came late', () => {
  assert.equal(found(NOW - 1_000, NOW + 10), undefined)
  assert.equal(found(NOW - 1_000, NOW + 3_000, { answeredAt: NOW + 3_500, apartMs: 4_000 }), undefined)
})

test('a clock that differs is told with its distance and direction', () => {
  assert.match(found(NOW + 29_000, NOW + 30_000)?.says ?? '', /29 s ahead of/)
  const far = found(NOW - 7_201_000, NOW - 7_200_000)
  assert.match(far?.says ?? '', /2 h behind/)
  assert.equal(far?.severity, 'critical')
})

test('a clock that was set while we looked is told apart from one that differs', () => {
  assert.match(found(NOW - 1_000, NOW + 600_000)?.says ?? '', /was set 10 min forward/)
  assert.match(found(NOW - 1_000, NOW - 600_000)?.says ?? '', /was set .* back/)
})
