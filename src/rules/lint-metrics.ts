// Checks of the metrics that a rule asks for: those that there are not, those that only newer servers have, and those that
// do not mean what their name says.

import { COMPARISONS, unwrapParens, type Expr, type VectorSelector } from '../promql/syntax.ts'
import { allWithin, constantOf, selectorsOf } from './expression.ts'
import type { Complaint, LintContext } from './lint.ts'
import { nearest } from '../lib/nearest.ts'
import type { Rule } from './rule-file.ts'

const SUFFIX = /_(?:sum|count|bucket)$/
const OF_OURS = /^(?:redis|respite)_/

// What redis_exporter says of itself, or only with an option that is off by default.
const OF_THE_EXPORTER: Readonly<Record<string, string>> = {
  redis_exporter_build_info: 'is of the process of redis_exporter',
  redis_target_scrape_request_errors_total: 'is of the process of redis_exporter',
  redis_exporter_last_scrape_connect_time_seconds: 'is of redis_exporter, which connects for each scrape',
  redis_last_key_groups_scrape_duration_milliseconds: 'is of its option check-key-groups',
  redis_key_group_count: 'is of its option check-key-groups',
  redis_key_group_memory_usage_bytes: 'is of its option check-key-groups',
  redis_key_size: 'is of its option check-keys',
  redis_key_value: 'is of its option check-keys',
}

export function unknownMetric({ query }: Rule, { metrics, rules }: LintContext): Complaint[] {
  if (metrics.size === 0) return []
  const recorded = new Set(rules.filter(({ kind }) => kind === 'record').map(({ name }) => name))
  const asked = new Set(selectorsOf(query.expr).map(({ name }) => name))
  return [...asked].flatMap((name) => {
    if (!OF_OURS.test(name) || recorded.has(name) || metrics.has(name)) return []
    if (metrics.has(name.replace(SUFFIX, '')) && SUFFIX.test(name)) return []
    const why = OF_THE_EXPORTER[name]
    const close = nearest(name, [...metrics.keys()], 4)
    const says =
      why === undefined
        ? `there is no metric ${name}: the rule never fires`
        : `${name} ${why}; Respite does not have it`
    return [
      {
        says,
        hint:
          close === undefined || why !== undefined
            ? '`respite metrics URL` shows which there are.'
            : `Did you mean ${close}?`,
      },
    ]
  })
}

// Source: the release notes of Redis and Valkey.
const SINCE: readonly (readonly [names: RegExp, version: string])[] = [
  [/^redis_errors_total$/, '6.2'],
  [
    /^redis_(?:latency_percentiles_usec|commands_(?:latencies_usec|rejected_calls_total|failed_calls_total)|evicted_clients_total)/,
    '7.0',
  ],
  [/^redis_(?:acl_access_denied_\w+|client_(?:query|output)_buffer_limit_disconnections_total)$/, '7.2'],
  [
    /^redis_(?:pubsub_clients|watching_clients|total_watched_keys|total_blocking_keys|total_blocking_keys_on_nokey|expired_subkeys_total)$/,
    '7.4',
  ],
]

export function metricTooNew({ query }: Rule, { serverVersions = [] }: LintContext): Complaint[] {
  const names = new Set(selectorsOf(query.expr).map(({ name }) => name))
  return [...names].flatMap((name) => {
    const [, since] = SINCE.find(([pattern]) => pattern.test(name)) ?? []
    const old = since === undefined ? undefined : serverVersions.find((version) => isOlder(version, since))
    if (since === undefined || old === undefined) return []
    return [
      {
        says: `${name} is there since Redis ${since}, and a server of this fleet is ${old}: it is not watched by this rule`,
        hint: 'Upgrade it, or write another rule for it.',
      },
    ]
  })
}

function isOlder(version: string, than: string): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number)
  const [c = 0, d = 0] = than.split('.').map(Number)
  return a < c || (a === c && b < d)
}

interface Pitfall {
  readonly metric: RegExp
  readonly unless?: RegExp // another metric of the expression that takes care of it
  readonly when?: (selector: VectorSelector, expr: Expr) => boolean
  readonly says: string
  readonly hint: string
}

const PITFALLS: readonly Pitfall[] = [
  {
    metric: /^redis_rdb_last_save_timestamp_seconds$/,
    unless: /^redis_rdb_(?:changes_since_last_save|saves_total)$/,
    says: 'redis_rdb_last_save_timestamp_seconds is the start of the server when nothing was ever saved, so each restart silences the rule; a replica that syncs moves it too, and a server that is not written to fires for ever',
    hint: 'Ask `and redis_rdb_changes_since_last_save > 0`, and have a rule of its own for redis_rdb_saves_total == 0. A dump on the same disk is no backup.',
  },
  {
    metric: /^redis_up$/,
    unless: /^respite_server_/,
    when: (selector, expr) => comparedWith(selector, expr, ['==', '<', '<=', '!=']),
    says: 'redis_up is 0 alike for a server that is down, hung, loading, out of connections, or refuses the password or TLS: what helps one harms the other',
    hint: 'respite_server_answer says which it is.',
  },
  {
    metric: /^redis_connected_slave_lag_seconds$/,
    says: 'redis_connected_slave_lag_seconds is the time since the last acknowledgement: a replica that is a gigabyte behind and answers shows 0',
    hint: 'Use respite_replication_lag_seconds, the age of what the replica does not have yet.',
  },
  {
    metric: /^redis_slowlog_length$/,
    says: 'redis_slowlog_length stops at slowlog-max-len and never falls by itself',
    hint: 'Ask what was added: increase(redis_slowlog_last_id[5m]).',
  },
  {
    metric: /^redis_connected_clients$/,
    when: (selector, expr) => comparedWith(selector, expr, ['<', '<=', '==']),
    says: 'few clients are usual at night and on replicas: this fires where nothing is wrong',
    hint: 'Compare with the same server an hour or a week ago (offset 1w).',
  },
]

export function pitfall({ query, kind }: Rule): Complaint[] {
  if (kind !== 'alert') return []
  const selectors = selectorsOf(query.expr)
  return PITFALLS.filter(({ metric, unless, when }) => {
    const selector = selectors.find(({ name }) => metric.test(name))
    if (selector === undefined || (unless !== undefined && selectors.some(({ name }) => unless.test(name))))
      return false
    return when === undefined || when(selector, query.expr)
  }).map(({ says, hint }) => ({ says, hint }))
}

/** The selector itself stands on the left of one of these operators, and a number on the right. */
function comparedWith(selector: VectorSelector, expr: Expr, operators: readonly string[]): boolean {
  return allWithin(expr).some((each) => {
    if (each.kind !== 'binary' || !COMPARISONS.has(each.operator) || !operators.includes(each.operator)) return false
    return unwrapParens(each.left) === selector && constantOf(each.right) !== undefined
  })
}
