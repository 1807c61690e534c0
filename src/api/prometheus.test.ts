// /api/v1/rules and /api/v1/alerts, key by key as Prometheus writes them.

import assert from 'node:assert/strict'
import { Hono } from 'hono'
import { test } from 'node:test'
import { parseRuleFile } from '../rules/rule-file.ts'
import type { RuleAlert } from '../rules/rule-alert.ts'
import type { GroupView } from '../rules/start-rules.ts'
import { addPrometheusRoutes } from './prometheus.ts'

const FILE = `groups:
  - name: redis
    rules:
      - alert: RedisDown
        expr: redis_up == 0
        for: 1m
        labels: { severity: critical }
        annotations: { summary: down }
      - record: redis:up
        expr: sum(redis_up)
`
const [group] = parseRuleFile(FILE, 'redis.yml').groups
assert.ok(group !== undefined)

const at = Date.parse('2026-01-31T03:12:00Z')
const alertOf = (state: RuleAlert['state'], instance: string): RuleAlert => ({
  name: 'RedisDown',
  labels: { alertname: 'RedisDown', instance },
  annotations: { summary: 'down' },
  state,
  activeAt: at,
  value: 0,
  fingerprint: instance,
})
const alerts = [alertOf('firing', 'a'), alertOf('pending', 'b'), alertOf('resolved', 'c')]
const view: GroupView = {
  group,
  intervalMs: 5_000,
  missed: 0,
  lastAtMs: at,
  tookMs: 2,
  rules: group.rules.map((rule) => ({
    rule,
    alerts: rule.kind === 'alert' ? alerts : [],
    lastError: rule.kind === 'alert' ? undefined : 'out of range',
    lastAtMs: at,
    tookMs: 1,
  })),
}
const app = new Hono()
addPrometheusRoutes(app, { groups: () => [view], alerts: () => alerts })

async function ask(path: string): Promise<{ status: number; data: Record<string, unknown>[] }> {
  const response = await app.request(path)
  const { data } = (await response.json()) as { data?: Record<string, Record<string, unknown>[]> }
  return { status: response.status, data: Object.values(data ?? {})[0] ?? [] }
}

test('alerts: those that are pending or fire, values with an exponent', async () => {
  const { data } = await ask('/api/v1/alerts')
  assert.deepEqual(
    data.map(({ state, value, activeAt }) => [state, value, activeAt]),
    [
      ['firing', '0e+00', '2026-01-31T03:12:00.000Z'],
      ['pending', '0e+00', '2026-01-31T03:12:00.000Z'],
    ],
  )
})

test('rules: with state, health and alerts; filtered as Prometheus filters', async () => {
  const { data } = await ask('/api/v1/rules')
  const [redis] = data
  assert.deepEqual([redis?.['name'], redis?.['file'], redis?.['interval']], ['redis', 'redis.yml', 5])
  const [down, up] = (redis?.['rules'] ?? []) as Record<string, unknown>[]
  assert.deepEqual(
    [down?.['type'], down?.['state'], down?.['duration'], down?.['query'], down?.['health']],
    ['alerting', 'firing', 60, 'redis_up == 0', 'ok'],
  )
  assert.deepEqual([up?.['type'], up?.['health'], up?.['lastError']], ['recording', 'err', 'out of range'])
  const names = async (query: string): Promise<unknown[]> =>
    (await ask(`/api/v1/rules?${query}`)).data.flatMap((each) =>
      (each['rules'] as Record<string, unknown>[]).map((rule) => rule['name']),
    )
  assert.deepEqual(await names('type=alert'), ['RedisDown'])
  assert.deepEqual(await names('rule_name[]=redis:up'), ['redis:up'])
  assert.deepEqual(await names('rule_group[]=other'), [])
  assert.equal((await ask('/api/v1/rules?type=nonsense')).status, 400)
})
