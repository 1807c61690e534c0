// Alertmanager's API v2, so that amtool, karma, Grafana and Prometheus itself take Respite for an Alertmanager. Reading is
// for everybody who reaches the door; silences and posted alerts are changes.
// Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml

import { Hono, type Context } from 'hono'
import { z } from 'zod'
import type { Alerts, AlertView } from '../alerts/alerts.ts'
import { matchesAll, parseMatcher } from '../alerts/matchers.ts'
import { Fault } from '../lib/fault.ts'
import type { Silence, SilenceMatcher } from '../state/silences.ts'

export interface AlertmanagerParts {
  readonly alerts: Alerts
  readonly version: string
  mayWrite(context: Context): boolean
}

const OVER_AFTER_MS = 4 * 60_000 // what still fires is said to end then, unless it is asked for again
const NO_RECEIVER = 'none'
const STARTED_AT = new Date().toISOString()

export function alertmanagerRoutes({ alerts, version, mayWrite }: AlertmanagerParts): Hono {
  const app = new Hono()
  app.get('/status', (context) => context.json(statusDocument(version)))
  app.get('/receivers', (context) =>
    context.json([...alerts.settings.notify.keys(), NO_RECEIVER].map((name) => ({ name }))),
  )
  app.get('/alerts', (context) => context.json(alertsAsked(context, alerts).map(alertDocument)))
  app.get('/alerts/groups', (context) => context.json(groupDocuments(alertsAsked(context, alerts))))
  app.get('/silences', (context) =>
    context.json(silencesAsked(context, alerts).map((each) => silenceDocument(each, alerts))),
  )
  app.get('/silence/:id', (context) => {
    const silence = alerts.silencing.list().find(({ id }) => id === context.req.param('id'))
    return silence === undefined
      ? context.json('silence not found', 404)
      : context.json(silenceDocument(silence, alerts))
  })
  app.use(async (context, next) => (context.req.method === 'GET' || mayWrite(context) ? next() : forbidden(context)))
  app.post('/silences', async (context) => {
    const wanted = await bodyOf(context, wantedSilence)
    const { startsAt, endsAt, ...silence } = wanted
    const silenceID = alerts.silencing.put({
      ...silence,
      startsAtMs: Date.parse(startsAt),
      endsAtMs: Date.parse(endsAt),
    })
    alerts.silencesChanged()
    return context.json({ silenceID })
  })
  app.delete('/silence/:id', (context) => {
    alerts.silencing.expire(context.req.param('id'))
    alerts.silencesChanged()
    return context.body(null, 200)
  })
  app.post('/alerts', async (context) => {
    for (const { labels, annotations, startsAt, endsAt, generatorURL } of await bodyOf(context, postedAlerts))
      alerts.post({
        labels,
        annotations,
        startsAt: momentOf(startsAt),
        endsAt: momentOf(endsAt),
        generatorUrl: generatorURL,
      })
    return context.body(null, 200)
  })
  app.onError((error, context) => {
    if (!(error instanceof Fault)) throw error
    return context.json(error.toText(), error.exit === 64 ? 400 : 404)
  })
  return app
}

const forbidden = (context: Context): Response =>
  context.json(
    'this address only reads; `respite alerts token` on the machine of the daemon makes a token for amtool',
    403,
  )

// ---- what is asked -----------------------------------------------------------------------------------------------------

const matcher = z.object({
  name: z.string(),
  value: z.string(),
  isRegex: z.boolean(),
  isEqual: z.boolean().default(true),
})

const moment = z.iso.datetime({ offset: true })

const wantedSilence = z.object({
  id: z
    .string()
    .optional()
    .transform((id) => id || undefined), // amtool sends an empty one for a new silence
  matchers: z.array(matcher).min(1),
  startsAt: moment,
  endsAt: moment,
  createdBy: z.string().min(1),
  comment: z.string().min(1),
})

const postedAlerts = z.array(
  z.object({
    labels: z.record(z.string(), z.string()).refine((labels) => Object.values(labels).some(Boolean), 'no labels'),
    annotations: z.record(z.string(), z.string()).default({}),
    startsAt: moment.optional(),
    endsAt: moment.optional(),
    generatorURL: z.string().default(''),
  }),
)

/** Go's zero time, which some clients send for none, is none. */
function momentOf(text: string | undefined): number | undefined {
  return text === undefined || text.startsWith('0001-') ? undefined : Date.parse(text)
}

async function bodyOf<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const body = schema.safeParse(await context.req.json().catch(() => undefined))
  if (body.success) return body.data
  const [issue] = body.error.issues
  throw badRequest(context, `${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'wrong'}`)
}

function badRequest(context: Context, why: string): Fault {
  const hint = 'See the API of Alertmanager, version 2.'
  return new Fault({ doing: 'reading the request', target: context.req.path, why, hint, exit: 64 })
}

function matchersAsked(context: Context): SilenceMatcher[] {
  return (context.req.queries('filter') ?? []).map((text) => {
    const parsed = parseMatcher(text)
    if (parsed === undefined) throw badRequest(context, `"${text}" is no filter such as alertname="RedisDown"`)
    return parsed
  })
}

function alertsAsked(context: Context, alerts: Alerts): AlertView[] {
  const filter = matchersAsked(context)
  const wants = (name: string): boolean => context.req.query(name) !== 'false'
  const receiver = context.req.query('receiver')
  return alerts
    .list()
    .filter(({ alert }) => alert.life.state === 'firing' || alert.life.state === 'calming')
    .filter(({ alert }) => matchesAll(filter, alert.labels))
    .filter(({ muted }) => muted.why !== undefined || wants('active'))
    .filter(({ muted }) => muted.silencedBy.length === 0 || wants('silenced'))
    .filter(({ muted }) => muted.inhibitedBy.length === 0 || wants('inhibited'))
    .filter(({ receivers }) => receiver === undefined || receivers.some((name) => receiver === name))
}

function silencesAsked(context: Context, alerts: Alerts): Silence[] {
  // A filter of silences asks for those that have this matcher's name and value.
  const filter = matchersAsked(context)
  return alerts.silencing
    .list()
    .filter(({ matchers }) =>
      filter.every(({ name, value }) => matchers.some((each) => each.name === name && each.value === value)),
    )
}

// ---- what is answered --------------------------------------------------------------------------------------------------

function statusDocument(version: string): unknown {
  return {
    cluster: { status: 'disabled', peers: [] },
    config: { original: '# Respite routes alerts itself; see its own configuration\n' },
    uptime: STARTED_AT,
    versionInfo: {
      version: `respite ${version}`,
      branch: '',
      buildDate: '',
      buildUser: '',
      goVersion: '',
      revision: '',
    },
  }
}

function alertDocument({ alert, muted, receivers }: AlertView): unknown {
  const { fingerprint, labels, annotations, life, generatorUrl, endsAt } = alert
  const now = Date.now()
  return {
    fingerprint,
    labels,
    annotations,
    startsAt: new Date(life.firedAt ?? life.activeAt).toISOString(),
    endsAt: new Date(endsAt ?? now + OVER_AFTER_MS).toISOString(),
    updatedAt: new Date(now).toISOString(),
    generatorURL: generatorUrl,
    receivers: (receivers.length > 0 ? receivers : [NO_RECEIVER]).map((name) => ({ name })),
    status: {
      state: muted.why === undefined ? 'active' : 'suppressed',
      silencedBy: muted.silencedBy,
      inhibitedBy: muted.inhibitedBy,
      mutedBy: muted.maintenance === undefined ? [] : ['maintenance'],
    },
  }
}

function groupDocuments(views: readonly AlertView[]): unknown[] {
  const groups = new Map<string, { labels: Record<string, string>; receiver: { name: string }; alerts: unknown[] }>()
  for (const view of views)
    for (const name of view.receivers.length > 0 ? view.receivers : [NO_RECEIVER]) {
      const deployment = view.alert.labels['deployment']
      const key = JSON.stringify([deployment, name])
      const group = groups.get(key)
      if (group !== undefined) group.alerts.push(alertDocument(view))
      else
        groups.set(key, {
          labels: deployment === undefined ? {} : { deployment },
          receiver: { name },
          alerts: [alertDocument(view)],
        })
    }
  return [...groups.values()]
}

function silenceDocument(silence: Silence, alerts: Alerts): unknown {
  const { id, matchers, startsAtMs, endsAtMs, updatedAtMs, createdBy, comment } = silence
  return {
    id,
    matchers,
    createdBy,
    comment,
    startsAt: new Date(startsAtMs).toISOString(),
    endsAt: new Date(endsAtMs).toISOString(),
    updatedAt: new Date(updatedAtMs).toISOString(),
    status: { state: alerts.silencing.stateOf(silence) },
  }
}
