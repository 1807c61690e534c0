// What is noticed between two looks, in words.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chronicle } from './chronicle.ts'
import type { Evidence, InfoSeen, ServerEvidence } from './evidence.ts'

function look(takenAt: number, seen: Partial<ServerEvidence>): Evidence {
  const server: ServerEvidence = {
    id: 'h:1',
    address: 'h:1',
    role: 'primary',
    standing: 'expected',
    answer: { id: 'ok', forMs: 0 },
    asked: true,
    local: false,
    couldNotLook: [],
    ...seen,
  }
  const deployment = {
    name: 'orders',
    kind: 'standalone',
    dataClass: 'store',
    expect: {},
    missing: [],
    problems: [],
    namespaces: [],
  } as const
  return { version: 1, takenAt, deployment, servers: [server], alerts: [], couldNotLook: [] }
}

const infoOf = (fields: Record<string, string>): InfoSeen => ({ fields, before: fields, apartMs: 1_000 })

test('a changed setting and a new snapshot are noticed; a look that saw nothing changes nothing', () => {
  const chronicle = new Chronicle()
  const info = { run_id: 'r', rdb_last_save_time: '100', rdb_last_bgsave_status: 'ok' }
  chronicle.noteEvidence(look(200_000, { config: { maxmemory: '0', dir: '/data' }, info: infoOf(info) }))
  chronicle.noteEvidence(look(300_000, {}))
  const later = { ...info, rdb_last_save_time: '390', rdb_last_bgsave_status: 'err' }
  chronicle.noteEvidence(look(400_000, { config: { maxmemory: '1mb', dir: '/data' }, info: infoOf(later) }))
  assert.deepEqual(
    chronicle.since('orders', 0).map(({ kind, says }) => `${kind}: ${says}`),
    [
      'configuration: maxmemory is 1mb now, and was 0',
      'save: wrote a snapshot, 10 s before this look',
      'save: its last snapshot is "err", before "ok"',
    ],
  )
})
