// The linter on rules that people copy: each mistake that is known of them is found, and the same rule written rightly is
// left alone.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { knownMetrics } from './known-metrics.ts'
import { lintRules, type LintFinding, type LintSetting } from './lint.ts'
import { parseRuleFile, showMistake } from './rule-file.ts'

let metrics: LintSetting['metrics'] = new Map()
before(async () => void (metrics = await knownMetrics()))

interface Row {
  readonly rule: string
  readonly finds: readonly string[] // ids of checks, sorted
  readonly says?: RegExp
  readonly annotations?: string
}

function lint(
  rules: readonly { expr: string; annotations?: string }[],
  over: Partial<LintSetting> = {},
): LintFinding[] {
  const text = `groups:\n  - name: g\n    rules:\n${rules
    .map(({ expr, annotations = 'x' }, at) => {
      const quoted = JSON.stringify(annotations)
      return `      - alert: A${at}\n        expr: ${JSON.stringify(expr)}\n        annotations: { description: ${quoted} }\n`
    })
    .join('')}`
  const file = parseRuleFile(text, 'rules.yml')
  assert.deepEqual(file.mistakes.map(showMistake), [])
  return lintRules([file], { sampleEveryMs: 60_000, metrics, ...over })
}

function finds(rows: readonly Row[]): void {
  for (const { rule, finds: ids, says, annotations } of rows)
    it(`${rule} → ${ids.join(', ') || 'nothing'}`, () => {
      const found = lint([{ expr: rule, ...(annotations === undefined ? {} : { annotations }) }])
      assert.deepEqual(found.map(({ check }) => check).toSorted(), ids)
      if (says !== undefined) assert.match(found.map((each) => each.says).join('\n'), says)
    })
}

describe('rules that are copied from the web', () => {
  finds([
    {
      rule: 'time() - redis_rdb_last_save_timestamp_seconds > 60 * 60 * 24',
      finds: ['pitfall'],
      says: /start of the server when nothing was ever saved/,
    },
    {
      rule: 'count without (instance, job) (redis_connected_slaves) - sum without (instance, job) (redis_connected_slaves) - 1 > 0',
      annotations:
        'Redis not all slaves are connected (instance {{ $labels.instance }}) VALUE = {{ $value }} LABELS = {{ $labels }}',
      finds: ['label-gone', 'missing-absent', 'one-primary'],
      says: /aggregates the label instance away/,
    },
    {
      rule: 'redis_memory_used_bytes / redis_memory_max_bytes > 0.8',
      finds: ['division-by-zero'],
      says: /maxmemory is 0 where no limit is set/,
    },
    { rule: 'redis_memory_used_bytes / redis_memory_max_bytes * 100 > 90', finds: ['division-by-zero'] },
    { rule: 'redis_up == 0', finds: ['missing-absent', 'pitfall'], says: /respite_server_missing|is gone/ },
    { rule: 'count(redis_instance_info{role="master"}) > 1', finds: ['missing-absent', 'one-primary'] },
    { rule: '(count(redis_instance_info{role="master"}) or vector(0)) < 1', finds: ['one-primary'] },
    { rule: 'count(redis_instance_info{role="master"}) < 1', finds: ['missing-absent', 'never-true', 'one-primary'] },
    { rule: 'delta(redis_connected_slaves[1m]) < 0', finds: ['missing-absent', 'short-window'], says: /never fires/ },
    { rule: 'changes(redis_connected_slaves[1m]) > 1', finds: ['short-window'] },
    { rule: 'redis_connected_clients < 5', finds: ['pitfall'], says: /few clients are usual/ },
    { rule: 'increase(redis_rejected_connections_total[1m]) > 0', finds: ['short-window'] },
    { rule: 'redis_slowlog_length > 10', finds: ['pitfall'] },
    { rule: 'redis_connected_slave_lag_seconds > 1', finds: ['pitfall'] },
  ])
})

describe('the same, rightly', () => {
  finds([
    { rule: 'redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.8', finds: [] },
    { rule: 'redis_memory_used_bytes / redis_memory_max_bytes > 0.8 and redis_memory_max_bytes > 0', finds: [] },
    { rule: 'redis_memory_used_bytes / redis_memory_max_bytes > 0.8 unless redis_memory_max_bytes == 0', finds: [] },
    { rule: 'redis_memory_used_bytes / clamp_min(redis_memory_max_bytes, 1) > 0.8', finds: [] },
    { rule: 'redis_connected_clients / redis_config_maxclients > 0.8', finds: [] },
    { rule: 'increase(redis_rejected_connections_total[5m]) > 0', finds: [] },
    {
      rule: 'time() - redis_rdb_last_save_timestamp_seconds > 86400 and redis_rdb_changes_since_last_save > 0',
      finds: [],
    },
    { rule: 'absent(redis_up{deployment="orders"})', finds: [] },
    { rule: 'sum by (deployment) (redis_connected_slaves) != 2', finds: [] },
    { rule: 'respite_replication_lag_seconds > 1', finds: [] },
    { rule: 'redis_evicted_keys_total > 0', finds: ['raw-counter'], says: /only ever grows/ },
    {
      rule: 'rate(redis_keyspace_hits_total[5m]) / rate(redis_keyspace_misses_total[5m]) < 0.5',
      finds: ['division-by-zero'],
    },
  ])
})

describe('labels on the page', () => {
  const rows: readonly (readonly [string, string, readonly string[]])[] = [
    ['sum by (deployment) (redis_up) > 0', '{{ $labels.deployment }}', []],
    ['sum by (deployment) (redis_up) > 0', '{{ $labels.instance }}', ['label-gone']],
    ['sum without (instance) (redis_up) > 0', '{{ index $labels "instance" }}', ['label-gone']],
    ['max(redis_up) > 0', '{{ if $labels.role }}{{ $labels.role }}{{ end }}', ['label-gone']],
    ['topk(3, redis_memory_used_bytes) > 0', '{{ $labels.instance }}', []],
    ['redis_memory_used_bytes * on (instance) group_left (role) redis_instance_info > 0', '{{ $labels.role }}', []],
    [
      'redis_memory_used_bytes / on (instance) (redis_memory_max_bytes > 0) > 0',
      '{{ $labels.deployment }}',
      ['label-gone'],
    ],
    [
      'redis_memory_used_bytes / ignoring (role) (redis_memory_max_bytes > 0) > 0',
      '{{ $labels.role }}',
      ['label-gone'],
    ],
    ['absent(redis_up{deployment="a"})', '{{ $labels.deployment }} {{ $labels.instance }}', ['label-gone']],
    ['label_replace(max(redis_up), "site", "fra", "", "") > 0', '{{ $labels.site }}', []],
    ['count_values("version", redis_up) > 0', '{{ $labels.version }}', []],
    ['vector(1)', '{{ $labels.instance }}', ['label-gone']],
    ['time() - redis_start_time_seconds > 60 * 60', '{{ $labels.instance }}', []],
    ['redis_memory_used_bytes > 0', '{{ $labels.job }}', ['label-unknown']],
    ['max(redis_up) > 0 or redis_memory_used_bytes > 0', '{{ $labels.instance }}', []],
  ]
  for (const [rule, annotations, ids] of rows)
    it(`${rule}: ${annotations} → ${ids.join(', ') || 'nothing'}`, () =>
      assert.deepEqual(
        lint([{ expr: rule, annotations }]).map(({ check }) => check),
        ids,
      ))
})

describe('metrics', () => {
  it('that there are not are named, with the one that was probably meant', () => {
    const [found] = lint([{ expr: 'redis_memory_used_byte > 1' }])
    assert.deepEqual([found?.check, found?.hint], ['unknown-metric', 'Did you mean redis_memory_used_bytes?'])
  })

  it('of redis_exporter alone are said to be so', () => {
    const [found] = lint([{ expr: 'redis_key_size > 1' }])
    assert.match(found?.says ?? '', /is of its option check-keys/)
  })

  it('that redis_exporter has are all known', () => {
    const file = new URL('../../test/fixtures/exporter-names.json', import.meta.url)
    const all = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { name: string }[]>
    const names = Object.values(all).flatMap((each) => each.map(({ name }) => name))
    assert.ok(names.length > 200)
    assert.deepEqual(
      names.filter((name) => !metrics.has(name)),
      [],
    )
  })

  it('of other programs, and those that rules record, are nobody’s business', () => {
    assert.deepEqual(lint([{ expr: 'node_memory_MemFree_bytes > 1' }, { expr: 'job:requests:rate5m > 1' }]), [])
  })

  it('that only newer servers have are named when the fleet has an older one', () => {
    const found = lint([{ expr: 'redis_latency_percentiles_usec > 1' }], { serverVersions: ['6.2.14', '7.4.0'] })
    assert.deepEqual(
      found.map(({ check }) => check),
      ['metric-too-new'],
    )
    assert.match(found[0]?.says ?? '', /6\.2\.14/)
    assert.deepEqual(lint([{ expr: 'redis_latency_percentiles_usec > 1' }], { serverVersions: ['7.0.15'] }), [])
  })
})

describe('a window', () => {
  it('is judged by how often samples are taken', () => {
    const rule = { expr: 'rate(redis_commands_processed_total[1m]) > 100000' }
    assert.deepEqual(
      lint([rule]).map(({ check }) => check),
      ['short-window'],
    )
    assert.deepEqual(lint([rule], { sampleEveryMs: 5_000 }), [])
  })
})

describe('one rule of several', () => {
  it('that asks for absence is enough for all of them', () => {
    const found = lint([{ expr: 'redis_up < 1' }, { expr: 'absent(redis_up)' }])
    assert.deepEqual(
      found.map(({ check }) => check),
      ['pitfall'],
    )
  })

  it('twice in a file is found once', () => {
    const text =
      'groups: [{ name: g, rules: [{ alert: A, expr: up > 1 }, { alert: A, expr: up > 2 }] }]\n---\ngroups: []\n'
    const found = lintRules([parseRuleFile(text, 'a.yml')], { sampleEveryMs: 1_000, metrics: new Map() })
    assert.deepEqual(
      found.map(({ check }) => check),
      ['documents-left-out', 'duplicate-rule'],
    )
  })
})
