// What somebody reads who was just woken; and what must never be read.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Notice, NoticeAlert } from './notice.ts'
import { hideAll } from './post.ts'
import { linesOf, titleOf } from './words.ts'

const BEGIN = Date.parse('2026-01-31T03:12:00Z')

const alert: NoticeAlert = {
  fingerprint: '0123456789abcdef',
  name: 'RedisDown',
  severity: 'critical',
  labels: { alertname: 'RedisDown', deployment: 'orders', instance: '10.0.0.5:6379', severity: 'critical' },
  annotations: {
    summary: 'A server does not answer',
    description: 'It has not answered\nfor a minute.',
    runbook_url: 'https://wiki.example/RedisDown',
  },
  value: 0,
  activeAt: BEGIN,
  startsAt: BEGIN + 60_000,
  endsAt: undefined,
  generatorUrl: '',
  news: true,
  flapping: false,
  subject: {
    id: '10.0.0.5:6379',
    role: 'primary',
    says: 'refuses connections',
    means: 'Nothing listens on the port.',
    first: 'Look whether the process runs.',
  },
  ack: undefined,
  cause: undefined,
}

const times = (count: number): NoticeAlert[] => Array.from({ length: count }, () => alert)

const notice: Notice = {
  kind: 'firing',
  notifier: 'slack',
  groupKey: '{}:{deployment="orders"}',
  groupLabels: { deployment: 'orders' },
  at: BEGIN + 240_000,
  firing: [alert],
  resolved: [],
  owner: {
    team: 'payments',
    slack: '#payments',
    oncall: 'pagerduty',
    insight: 'https://insight.example/',
    dependents: ['https://wiki.example/orders'],
  },
  externalUrl: 'http://127.0.0.1:7379',
}

test('what, where, how it answers, since when, how bad, what to do first, whose it is', () => {
  assert.equal(titleOf(notice), 'CRITICAL orders: RedisDown on 10.0.0.5:6379 (primary), refuses connections')
  assert.deepEqual(linesOf(notice), [
    'RedisDown, critical: A server does not answer',
    'What: It has not answered for a minute.',
    'Since: 2026-01-31T03:12:00Z (4 min)',
    'Server: 10.0.0.5:6379, primary: refuses connections',
    'Means: Nothing listens on the port.',
    'First: Look whether the process runs.',
    'Runbook: https://wiki.example/RedisDown',
    'ID: 0123456789abcdef',
    '',
    'Owner: payments, #payments, on call: pagerduty',
    'Data: https://insight.example/',
    'Depends on it: https://wiki.example/orders',
    'Silence, acknowledge: http://127.0.0.1:7379 (respite alerts ack ID)',
  ])
})

test('the title says what kind of news it is', () => {
  const title = (changes: Partial<Notice>): string => titleOf({ ...notice, ...changes })
  const ack = { by: 'ada', comment: 'on it', untilMs: BEGIN }
  const ended = { ...alert, endsAt: BEGIN + 60_000 }
  const where = 'orders: RedisDown on 10.0.0.5:6379 (primary), refuses connections'
  assert.equal(title({ kind: 'repeat' }), `STILL CRITICAL ${where}`)
  assert.equal(title({ kind: 'escalation' }), `CRITICAL, nobody has acknowledged: ${where}`)
  assert.equal(title({ kind: 'acknowledged', firing: [{ ...alert, ack }] }), `ACKNOWLEDGED by ada: ${where}`)
  assert.equal(
    title({ kind: 'resolved', firing: [], resolved: [ended] }),
    'RESOLVED orders: RedisDown on 10.0.0.5:6379 (primary)',
  )
  assert.match(title({ firing: times(3) }), / and 2 more$/)
  assert.equal(title({ kind: 'test', firing: [] }), 'TEST: Respite can reach you here')
  const [line] = linesOf({ ...notice, kind: 'resolved', firing: [], resolved: [ended] })
  assert.equal(line, 'Resolved: RedisDown on 10.0.0.5:6379 (primary), after 1 min (2026-01-31T03:13:00Z)')
})

test('a thousand alerts are ten, and how many more', () => {
  const lines = linesOf({ ...notice, firing: times(1_000) })
  assert.ok(lines.length < 120)
  assert.ok(lines.includes('and 990 more that fire'))
})

test('no part of a secret is said, whoever says it', () => {
  const url = 'https://hooks.example/services/T0/B0/geheim?x=1'
  const said = `cannot POST ${url}: /services/T0/B0/geheim?x=1 with hunter22 is not there`
  const hidden = hideAll(said, [url, 'hunter22', ''])
  assert.doesNotMatch(hidden, /geheim|hunter22/)
  assert.match(hidden, /^cannot POST …/)
})
