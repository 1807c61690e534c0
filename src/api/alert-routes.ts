// What Respite itself says of alerts: each with who was told, who was not and why, and every attempt to tell. Reading is
// for everybody who reaches the door; acknowledging, testing and the token go over the socket alone.

import type { Hono } from 'hono'
import type { Alerts, AlertView } from '../alerts/alerts.ts'
import { severityOf } from '../alerts/alert.ts'
import { WHY_NOT } from '../alerts/why-not.ts'
import { Fault } from '../lib/fault.ts'
import {
  acknowledgeSchema,
  notifyTestSchema,
  type AlertListDocument,
  type AcknowledgedDocument,
  type NotifyTestedDocument,
  type TokenDocument,
} from './contract.ts'
import type { WriteToken } from './write-token.ts'

export interface AlertRouteParts {
  readonly alerts: Alerts
  readonly token: WriteToken
  readonly isSocket: boolean
  readonly url: () => string // of the loopback door
}

const DELIVERIES = 200

export function addAlertRoutes(app: Hono, { alerts, token, isSocket, url }: AlertRouteParts): void {
  app.get('/api/v1/alert-list', (context) => context.json(alertListDocument(alerts)))
  app.post('/api/v1/alert-list/ack', async (context) => {
    if (!isSocket) throw readOnly('acknowledging')
    const body = acknowledgeSchema.safeParse(await context.req.json().catch(() => undefined))
    if (!body.success) throw badBody(context.req.path, '{ "id", "by", "comment"?, "forMs"? }')
    const { id, by, comment = '', forMs } = body.data
    const ack = alerts.acknowledge(id, { by, comment, forMs })
    return context.json({ id: ack.fingerprint, until: iso(ack.untilMs) } satisfies AcknowledgedDocument)
  })
  app.post('/api/v1/notify/test', async (context) => {
    if (!isSocket) throw readOnly('testing')
    const body = notifyTestSchema.safeParse(await context.req.json().catch(() => undefined))
    if (!body.success) throw badBody(context.req.path, '{ "notifiers"?: ["slack"] }')
    const tested = await alerts.test(body.data.notifiers)
    const notifiers = tested.map(({ notifier, outcome }) => ({ notifier, outcome: outcome.kind, says: outcome.says }))
    return context.json({ notifiers } satisfies NotifyTestedDocument)
  })
  app.post('/api/v1/alert-list/token', (context) => {
    if (!isSocket) throw readOnly('making a token')
    return context.json({ url: `${url()}/alertmanager`, ...token.make() } satisfies TokenDocument)
  })
}

function alertListDocument(alerts: Alerts): AlertListDocument {
  return {
    alerts: alerts.list().map(alertOf),
    deliveries: alerts.deliveries(DELIVERIES).map(({ atMs, ...delivery }) => ({ at: iso(atMs), ...delivery })),
    ...(alerts.unkept !== undefined && { keptInMemoryOnly: alerts.unkept }),
  }
}

function alertOf({ alert, muted, notifiers, ack, subject, cause }: AlertView): AlertListDocument['alerts'][number] {
  const { fingerprint, name, labels, annotations, value, life } = alert
  return {
    id: fingerprint,
    name,
    severity: severityOf(labels),
    state: life.state === 'calming' ? 'firing' : life.state,
    flapping: life.state === 'calming',
    since: iso(life.activeAt),
    ...(life.state === 'resolved' && life.resolvedAt !== undefined && { resolved: iso(life.resolvedAt) }),
    value: String(value),
    labels: { ...labels },
    annotations: { ...annotations },
    ...(subject !== undefined && { server: { ...subject } }),
    ...(cause !== undefined && { cause: { check: cause.check, says: cause.says, incident: cause.incident } }),
    ...(ack !== undefined && { ack: { by: ack.by, comment: ack.comment, at: iso(ack.atMs), until: iso(ack.untilMs) } }),
    silencedBy: [...muted.silencedBy],
    inhibitedBy: [...muted.inhibitedBy],
    notifiers: notifiers.map(({ notifier, told, why }) => ({
      notifier,
      ...(told?.firing === true && { toldAt: iso(told.at) }),
      ...(why !== undefined && { why, says: WHY_NOT[why] }),
    })),
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()

const readOnly = (doing: string): Fault =>
  new Fault({
    doing,
    target: 'over HTTP',
    why: 'this address only reads',
    hint: 'Use respite alerts and respite notify on the machine of the daemon; they go over the socket in --data.',
    exit: 1,
  })

const badBody = (path: string, wanted: string): Fault =>
  new Fault({
    doing: 'reading the request',
    target: `POST ${path}`,
    why: `its body is not ${wanted}`,
    hint: 'Send JSON.',
    exit: 64,
  })
