// Every check that is in the folder, whatever it is: its id is one of the faults that are known, it refers to nothing that
// there is not, and of a server of which nothing was seen it says nothing.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ACTION_RISKS } from './action-ids.ts'
import { diagnose, loadChecks } from './diagnose.ts'
import type { Evidence, ServerEvidence } from './evidence.ts'

// The catalogue of faults: these ids are fixed, since programs and people refer to them.
const FAULTS = new Set(
  `
  rdb-disk-full rdb-fork-failed rdb-dir-not-writable rdb-child-killed rdb-save-stuck aof-write-error
  aof-always-exit disk-stall aof-rewrite-loop aof-truncated-tail aof-corrupt aof-file-missing
  rdb-corrupt rdb-too-new restore-ignored appendonly-not-persisted never-saved save-overdue
  maxmemory-reached kernel-oom-kill eviction-storm fragmentation client-buffer-bloat slow-subscriber
  query-buffer-limit keys-without-ttl volatile-policy-no-ttl big-key script-cache-leak transparent-huge-pages
  swapping expire-storm replica-memory-over slow-command busy-script unkillable-script
  cpu-saturated connection-churn blocked-clients client-pause process-stopped slow-fork
  cpu-starved monitor-left-on blocking-free process-down cannot-start maxclients-reached
  nofile-limit accept-backlog protected-mode wrong-password missing-permission tls-expired
  tls-mismatch bind-or-firewall idle-timeout exposed replication-link-down replica-auth-failed
  full-resync-loop backlog-too-small not-enough-replicas write-to-replica replica-stale-refused primary-restarted-empty
  replica-lag writable-replica sync-timeout resync-stampede loading sentinel-no-quorum
  sentinel-no-good-replica two-primaries sentinel-ghosts sentinel-tilt sentinel-config-not-writable sentinel-cross-talk
  slots-unassigned shard-down cluster-minority slot-migration-stuck cluster-config-corrupt cluster-bus-blocked
  client-not-cluster-aware hot-shard cluster-failover-stuck clock-jump config-drift wrong-database
  mass-deletion end-of-life no-subscriber probe-kill-loop ephemeral-dir os-tuning
  backup-failing
`
    .trim()
    .split(/\s+/),
)

const folder = join(import.meta.dirname, 'checks')
const rules = join(import.meta.dirname, '../../rules')
const checks = await loadChecks()

const alerts = new Set(
  readdirSync(rules)
    .filter((file) => file.endsWith('.yml') && !file.endsWith('.test.yml'))
    .flatMap((file) => [...readFileSync(join(rules, file), 'utf8').matchAll(/alert: (\w+)/g)].map(([, name]) => name)),
)

const UNSEEN: ServerEvidence = {
  id: 'h:1',
  address: 'h:1',
  role: 'primary',
  standing: 'expected',
  answer: { id: 'ok', forMs: 60_000 },
  asked: false,
  local: false,
  couldNotLook: [],
}

const NOTHING: Evidence = {
  version: 1,
  takenAt: Date.parse('2026-01-02T03:04:05Z'),
  deployment: {
    name: 'd',
    kind: 'standalone',
    dataClass: 'store',
    expect: {},
    missing: [],
    problems: [],
    namespaces: [],
  },
  servers: [UNSEEN],
  alerts: [],
  couldNotLook: [],
}

describe('every check', () => {
  for (const id of checks.keys()) {
    const text = readFileSync(join(folder, `${id}.ts`), 'utf8')

    test(`${id} has the id of a fault, and refers to nothing that there is not`, () => {
      assert.ok(FAULTS.has(id))
      for (const [, check = ''] of text.matchAll(/check: '([^']+)'/g)) assert.ok(FAULTS.has(check), `no fault ${check}`)
      for (const [, list = ''] of text.matchAll(/(?:brings|between): \[([^\]]*)\]/g))
        for (const [, check = ''] of list.matchAll(/'([a-z-]+)'/g))
          assert.ok(FAULTS.has(check) || check === 'every server', `no fault ${check}`)
      for (const [, list = ''] of text.matchAll(/alerts: \[([^\]]*)\]/g))
        for (const [, alert = ''] of list.matchAll(/'(\w+)'/g)) assert.ok(alerts.has(alert), `no alert ${alert}`)
      for (const [, action = ''] of text.matchAll(/\{ id: '([^']+)', why/g))
        assert.ok(action in ACTION_RISKS, `no action ${action}`)
    })
  }

  test('finds nothing where nothing was seen, and does not fail', () => {
    const { findings, couldNotLook } = diagnose(NOTHING, checks)
    assert.deepEqual(findings, [])
    assert.deepEqual(couldNotLook, [])
  })
})
