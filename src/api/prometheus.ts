// /api/v1/alerts and /api/v1/rules as Prometheus answers them, so that what reads a Prometheus reads us.
// Source: https://prometheus.io/docs/prometheus/latest/querying/api/

import type { Context, Hono } from 'hono'
import { Fault } from '../lib/fault.ts'
import { formatFloat } from '../rules/go-number.ts'
import type { RuleAlert } from '../rules/rule-alert.ts'
import type { GroupView, Rules, RuleView } from '../rules/start-rules.ts'
import { refuse, wrong } from './query-routes.ts'

export type RulesAsked = Pick<Rules, 'groups' | 'alerts'>

export function addPrometheusRoutes(app: Hono, rules: RulesAsked): void {
  app.get('/api/v1/alerts', (context) => {
    const alerts = rules.alerts().filter(({ state }) => state !== 'resolved')
    return context.json({ status: 'success', data: { alerts: alerts.map(alertDocument) } })
  })
  app.get('/api/v1/rules', (context) => {
    const wanted = wantedBy(context)
    if (wanted instanceof Fault) return refuse(context, 'bad_data', wanted)
    const groups = rules
      .groups()
      .toSorted(byPlace)
      .map((view) => groupDocument(view, wanted))
    return context.json({ status: 'success', data: { groups: groups.filter((group) => group !== undefined) } })
  })
}

interface Wanted {
  readonly alerts: boolean // list the alerts of each rule
  group(view: GroupView): boolean
  rule(view: RuleView): boolean
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  '': false,
  0: false,
  f: false,
  false: false,
  1: true,
  t: true,
  true: true,
}

/** A Fault for a parameter that is none of those that Prometheus takes. */
function wantedBy(context: Context): Wanted | Fault {
  const type = context.req.query('type')?.toLowerCase() ?? ''
  if (type !== '' && type !== 'alert' && type !== 'record')
    return wrong('type', `not supported value ${JSON.stringify(type)}`)
  const given = context.req.query('exclude_alerts')?.toLowerCase() ?? ''
  const withoutAlerts = BOOLEANS[given]
  if (withoutAlerts === undefined) {
    const why = `strconv.ParseBool: parsing ${JSON.stringify(given)}: invalid syntax`
    return wrong('exclude_alerts', `error converting exclude_alerts: ${why}`)
  }
  const among = (name: string): ((value: string) => boolean) => {
    const values = context.req.queries(`${name}[]`)
    return (value) => values === undefined || values.includes(value)
  }
  const [names, groups, files] = [among('rule_name'), among('rule_group'), among('file')]
  return {
    alerts: !withoutAlerts,
    group: ({ group }) => groups(group.name) && files(group.file),
    rule: ({ rule }) => names(rule.name) && (type === '' || rule.kind === type),
  }
}

/** In the order of their files and names, wherever the configuration has them. */
function byPlace({ group: a }: GroupView, { group: b }: GroupView): number {
  return compareText(a.file, b.file) || compareText(a.name, b.name)
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function groupDocument(view: GroupView, wanted: Wanted): unknown {
  const rules = view.rules.filter((rule) => wanted.rule(rule))
  // A group of which no rule is wanted is left out, and one that has none.
  if (!wanted.group(view) || rules.length === 0) return undefined
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

function alertDocument({ labels, annotations, state, activeAt, keepFiringSince, value }: RuleAlert): unknown {
  const kept = keepFiringSince !== undefined && { keepFiringSince: momentOf(keepFiringSince) }
  return { labels, annotations, state, activeAt: momentOf(activeAt), ...kept, value: formatFloat(value, 'e') }
}

/** Go's zero time for what never was. */
const momentOf = (ms: number | undefined): string =>
  ms === undefined ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString()
