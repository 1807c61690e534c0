// /api/v1/alerts and /api/v1/rules as Prometheus answers them, so that what reads a Prometheus reads us.
// Source: https://prometheus.io/docs/prometheus/latest/querying/api/

import type { Context, Hono } from 'hono'
import { formatFloat } from '../rules/go-number.ts'
import type { RuleAlert } from '../rules/rule-alert.ts'
import type { GroupView, Rules, RuleView } from '../rules/start-rules.ts'

export type RulesAsked = Pick<Rules, 'groups' | 'alerts'>

export function addPrometheusRoutes(app: Hono, rules: RulesAsked): void {
  app.get('/api/v1/alerts', (context) => {
    const alerts = rules.alerts().filter(({ state }) => state !== 'resolved')
    return context.json({ status: 'success', data: { alerts: alerts.map(alertDocument) } })
  })
  app.get('/api/v1/rules', (context) => {
    const type = context.req.query('type')
    if (type !== undefined && type !== 'alert' && type !== 'record')
      return context.json({ status: 'error', errorType: 'bad_data', error: `unknown type "${type}"` }, 400)
    const wanted = wantedBy(context, type)
    const groups = rules.groups().map((view) => groupDocument(view, wanted))
    return context.json({ status: 'success', data: { groups: groups.filter((group) => group !== undefined) } })
  })
}

interface Wanted {
  readonly alerts: boolean // list the alerts of each rule
  group(view: GroupView): boolean
  rule(view: RuleView): boolean
}

function wantedBy(context: Context, type: 'alert' | 'record' | undefined): Wanted {
  const among = (name: string): ((value: string) => boolean) => {
    const values = context.req.queries(`${name}[]`)
    return (value) => values === undefined || values.includes(value)
  }
  const [names, groups, files] = [among('rule_name'), among('rule_group'), among('file')]
  return {
    alerts: context.req.query('exclude_alerts') !== 'true',
    group: ({ group }) => groups(group.name) && files(group.file),
    rule: ({ rule }) => names(rule.name) && (type === undefined || rule.kind === type),
  }
}

function groupDocument(view: GroupView, wanted: Wanted): unknown {
  const rules = view.rules.filter((rule) => wanted.rule(rule))
  // A group of which no rule is wanted is left out; one that has none is shown.
  if (!wanted.group(view) || (rules.length === 0 && view.rules.length > 0)) return undefined
  return {
    name: view.group.name,
    file: view.group.file,
    interval: view.intervalMs / 1000,
    limit: view.group.limit,
    evaluationTime: view.tookMs / 1000,
    lastEvaluation: momentOf(view.lastAtMs),
    rules: rules.map((rule) => ruleDocument(rule, wanted.alerts)),
  }
}

function ruleDocument({ rule, alerts, lastError, lastAtMs, tookMs }: RuleView, withAlerts: boolean): unknown {
  const evaluated = {
    health: lastError !== undefined ? 'err' : lastAtMs === undefined ? 'unknown' : 'ok',
    ...(lastError !== undefined && { lastError }),
    evaluationTime: tookMs / 1000,
    lastEvaluation: momentOf(lastAtMs),
  }
  const said = { name: rule.name, query: rule.query.text, labels: rule.labels }
  if (rule.kind === 'record') return { ...said, ...evaluated, type: 'recording' }
  const active = alerts.filter(({ state }) => state !== 'resolved')
  return {
    state: active.some(({ state }) => state === 'firing') ? 'firing' : active.length > 0 ? 'pending' : 'inactive',
    ...said,
    duration: rule.forMs / 1000,
    keepFiringFor: rule.keepFiringForMs / 1000,
    annotations: rule.annotations,
    alerts: withAlerts ? active.map(alertDocument) : [],
    ...evaluated,
    type: 'alerting',
  }
}

function alertDocument({ labels, annotations, state, activeAt, value }: RuleAlert): unknown {
  return { labels, annotations, state, activeAt: momentOf(activeAt), value: formatFloat(value, 'e') }
}

/** Go's zero time for what never was. */
const momentOf = (ms: number | undefined): string =>
  ms === undefined ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString()
