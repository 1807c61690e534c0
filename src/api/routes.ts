// What the HTTP API answers. Three doors lead to it: the loopback address (everything that only reads), the address of
// --listen-metrics (what a monitoring system needs and nothing more), and the unix socket (also what changes something).
// Knows nothing of the daemon: it is handed plain functions.

import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono, type Context } from 'hono'
import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { secureHeaders } from 'hono/secure-headers'
import type { Fleet } from '../fleet/server.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { isLoopback } from '../lib/listen-address.ts'
import type { Log } from '../lib/log.ts'
import type { Alerts } from '../alerts/alerts.ts'
import type { LentPage } from '../metrics/exposition.ts'
import type { SlowCommand } from '../metrics/slow-log.ts'
import { addAlertRoutes } from './alert-routes.ts'
import { alertmanagerRoutes } from './alertmanager.ts'
import { addDiagnosisRoutes, type DiagnosisAsked } from './diagnosis-routes.ts'
import { fleetChangeSchema, type FleetChangedDocument, type SlowLogDocument } from './contract.ts'
import { fleetDocument } from './fleet-document.ts'
import { addPrometheusRoutes, type RulesAsked } from './prometheus.ts'
import type { Storage } from '../promql/storage.ts'
import { addQueryRoutes } from './query-routes.ts'
import { sendPage } from './send-page.ts'
import type { WriteToken } from './write-token.ts'

export interface ApiParts {
  readonly fleet: Pick<Fleet, 'deployments' | 'accept' | 'forget'>
  readonly log: Log
  /** All metrics in Prometheus' text format. */
  metricsPage(): LentPage | Promise<LentPage>
  /** The slow log of one server as far as it was followed; empty for a server that is not known. */
  slowCommands(deployment: string, serverId: string): readonly SlowCommand[]
  readonly alerting?: Alerting | undefined
  readonly rules?: RulesAsked | undefined
  readonly diagnosis?: DiagnosisAsked | undefined
  readonly samples?: Storage | undefined // for PromQL
  /** What the first look still waits for, each a sentence; empty: every deployment was looked at. */
  notReady(): readonly string[]
  /** A sentence when watching stands still although the process runs. */
  stalled(): string | undefined
}

export interface Alerting {
  readonly alerts: Alerts
  readonly token: WriteToken // opens what changes silences to programs that only speak TCP
  readonly version: string
  readonly url: () => string // of the loopback door
}

export type Door = 'loopback' | 'metrics' | 'socket'

const WELCOME = `Respite watches Redis and Valkey.

  /api/v1/fleet   every deployment and server, and how each one answers (JSON)
  /metrics        all metrics, Prometheus text format
  /api/v1/slowlog ?deployment=…&server=…  the slow log, followed, with client and command (JSON)
  /api/v1/alerts, /api/v1/rules, /api/v1/query, /api/v1/query_range  as Prometheus answers them
  /runbooks/NAME  what to do about an alert
  /api/v1/alert-list             alerts, who was told of them, and who was not and why (JSON)
  /api/v1/incidents              alerts with one cause, what it is and what proves it (JSON)
  /api/v1/findings               what the last look at each deployment found (JSON)
  /alertmanager/api/v2           as Alertmanager answers it: amtool --alertmanager.url=http://…/alertmanager
  /healthz        200 while Respite itself runs well
  /readyz         200 once every deployment was looked at

Changes are made by the command line (respite fleet accept|forget), over the socket in --data.
`

export function makeRoutes(door: Door, parts: ApiParts, names: { checked: boolean }): Hono {
  const app = new Hono()
  app.use(secureHeaders())
  if (names.checked) app.use(async (context, next) => (isOurName(context) ? next() : misdirected(context)))
  addHealth(app, parts)
  if (door !== 'metrics') {
    app.get('/', (context) => context.text(WELCOME))
    app.get('/api/v1/fleet', (context) => context.json(fleetDocument(parts.fleet)))
    app.get('/api/v1/slowlog', (context) => {
      const [deployment, server] = [context.req.query('deployment'), context.req.query('server')]
      if (deployment === undefined || server === undefined) throw wantsServer()
      return context.json(slowLogDocument(parts.slowCommands(deployment, server)))
    })
    app.get('/runbooks/:name', (context) => runbook(context, parts.diagnosis?.runbookFolders ?? []))
    addFleetChanges(app, door, parts.fleet)
    if (parts.rules !== undefined) addPrometheusRoutes(app, parts.rules)
    if (parts.samples !== undefined) addQueryRoutes(app, parts.samples, () => Date.now())
    if (parts.diagnosis !== undefined) addDiagnosisRoutes(app, parts.diagnosis, door === 'socket')
    if (parts.alerting !== undefined) addAlerting(app, door, parts.alerting)
  }
  app.notFound((context) => context.text('not found\n', 404))
  app.onError((error, context) => answerError(error, context, parts.log))
  return app
}

function addHealth(app: Hono, { metricsPage, notReady, stalled }: ApiParts): void {
  // Not compressed: on the same machine that costs more than it saves.
  app.get('/metrics', async (context) => {
    // Written as it is: a Response would copy the twenty megabytes of a large fleet twice.
    await sendPage(await metricsPage(), (context.env as { outgoing: ServerResponse }).outgoing)
    return RESPONSE_ALREADY_SENT
  })
  app.get('/healthz', (context) => {
    const why = stalled()
    return why === undefined ? context.text('ok\n') : context.text(`${why}\n`, 503)
  })
  app.get('/readyz', (context) => {
    const waits = notReady()
    return waits.length === 0 ? context.text('ok\n') : context.text(`${waits.join('\n')}\n`, 503)
  })
}

function addFleetChanges(app: Hono, door: Door, fleet: ApiParts['fleet']): void {
  const changes = { accept: 'accepted', forget: 'forgotten' } as const
  for (const [verb, change] of Object.entries(changes) as [keyof typeof changes, FleetChangedDocument['change']][]) {
    app.post(`/api/v1/fleet/${verb}`, async (context) => {
      if (door !== 'socket') throw readOnly()
      const body = fleetChangeSchema.safeParse(await context.req.json().catch(() => undefined))
      if (!body.success) throw badBody(verb)
      const { server } = body.data
      if (!fleet[verb](server)) throw unknownServer(verb, server)
      return context.json({ server, change } satisfies FleetChangedDocument)
    })
  }
}

function addAlerting(app: Hono, door: Door, alerting: Alerting): void {
  const isSocket = door === 'socket'
  const mayWrite = (context: Context): boolean => isSocket || alerting.token.allows(context.req.header('authorization'))
  addAlertRoutes(app, { ...alerting, isSocket })
  app.route('/alertmanager/api/v2', alertmanagerRoutes({ ...alerting, mayWrite }))
}

/** A page in somebody's browser may point its own name at 127.0.0.1; it may not read us under that name. */
function isOurName(context: Context): boolean {
  const host = context.req.header('host')
  if (host === undefined) return true // HTTP/1.0; no browser leaves it out
  return isLoopback(
    host
      .replace(/:\d+$/, '')
      .replace(/^\[(.*)\]$/, '$1')
      .toLowerCase(),
  )
}

function misdirected(context: Context): Response {
  return context.text('only requests to localhost, 127.0.0.1 or [::1] are answered here\n', 421)
}

const readOnly = (): Fault =>
  new Fault({
    doing: 'changing the fleet',
    target: 'over HTTP',
    why: 'this address only reads',
    hint: 'Use respite fleet accept|forget on the machine of the daemon; it goes over the socket in --data.',
    exit: 1,
  })

const RUNBOOKS = fileURLToPath(new URL('../../runbooks', import.meta.url))

/** The page that an alert's runbook_url leads to, as it is written (Markdown). */
/** The operator's own go before those that are shipped. */
async function runbook(context: Context, own: readonly string[]): Promise<Response> {
  const name = context.req.param('name') ?? ''
  for (const folder of /^\w+$/.test(name) ? [...own, RUNBOOKS] : []) {
    const page = await readFile(join(folder, `${name}.md`), 'utf8').catch(() => undefined)
    if (page !== undefined) return context.text(page)
  }
  return context.notFound()
}

const wantsServer = (): Fault =>
  new Fault({
    doing: 'reading the request',
    target: 'GET /api/v1/slowlog',
    why: 'it names no server',
    hint: 'Ask for ?deployment=NAME&server=HOST:PORT as /api/v1/fleet lists them.',
    exit: 64,
  })

function slowLogDocument(commands: readonly SlowCommand[]): SlowLogDocument {
  return {
    commands: commands.map(({ at, command, ...rest }) => ({
      ...rest,
      at: new Date(at * 1000).toISOString(),
      command: [...command],
    })),
  }
}

const badBody = (verb: string): Fault =>
  new Fault({
    doing: 'reading the request',
    target: `POST /api/v1/fleet/${verb}`,
    why: 'its body is not { "server": "host:port" }',
    hint: 'Send JSON with the id of one server.',
    exit: 64,
  })

const unknownServer = (verb: 'accept' | 'forget', server: string): Fault =>
  new Fault({
    doing: verb === 'accept' ? 'accepting' : 'forgetting',
    target: server,
    why: verb === 'accept' ? 'no server of this id is new' : 'no server of this id is missing',
    hint: 'respite fleet lists the servers and their ids.',
    exit: 1,
  })

const STATUS = { 1: 409, 2: 500, 64: 400 } as const

function answerError(error: Error, context: Context, log: Log): Response {
  if (error instanceof Fault) return context.json(error.toJSON(), STATUS[error.exit])
  log.error({ err: error, path: context.req.path }, 'a request failed; this is a bug')
  const target = `${context.req.method} ${context.req.path}`
  return context.json(new Fault({ doing: 'answering', target, why: reasonOf(error) }).toJSON(), 500)
}
