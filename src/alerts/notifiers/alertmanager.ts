// An Alertmanager that does the routing itself, by POST /api/v2/alerts. It takes an alert for over when it does not hear
// of it again, so every minute it is told again, as Prometheus does it.

import type { Notice, NoticeAlert } from '../notice.ts'
import { missing, type Notifier } from '../notifier.ts'
import { annotationsOf } from '../payload-v4.ts'
import { post } from '../post.ts'

const REPEAT_MS = 60_000
const OVER_AFTER_MS = 4 * REPEAT_MS // without a word from us

export default {
  tells: 'an Alertmanager',
  people: false,
  acknowledges: false,
  repeatMs: REPEAT_MS,

  open({ url, user, password }) {
    if (url === undefined) throw missing('url', 'alertmanager')
    const target = `${url.replace(/\/+$/, '')}/api/v2/alerts`
    const login =
      password === undefined ? undefined : Buffer.from(`${user ?? 'respite'}:${password}`).toString('base64')
    const headers: Record<string, string> = login === undefined ? {} : { authorization: `Basic ${login}` }
    return (notice, { signal }) =>
      post({ url: target, body: alertsOf(notice), headers, signal, secrets: [password ?? '', login ?? ''] })
  },
} satisfies Notifier

function alertsOf(notice: Notice): unknown[] {
  if (notice.kind === 'test') return [testAlert(notice)]
  return [...notice.firing, ...notice.resolved].map((alert) => alertOf(alert, notice.at))
}

function alertOf(alert: NoticeAlert, nowMs: number): unknown {
  return {
    labels: alert.labels,
    annotations: annotationsOf(alert),
    startsAt: new Date(alert.startsAt).toISOString(),
    endsAt: new Date(alert.endsAt ?? nowMs + OVER_AFTER_MS).toISOString(),
    ...(alert.generatorUrl === '' ? {} : { generatorURL: alert.generatorUrl }),
  }
}

/** Over after a minute. */
function testAlert({ at, externalUrl }: Notice): unknown {
  return {
    labels: { alertname: 'RespiteTest', severity: 'info' },
    annotations: { summary: `Sent by hand with respite notify test from ${externalUrl}. Nothing is wrong.` },
    startsAt: new Date(at).toISOString(),
    endsAt: new Date(at + 60_000).toISOString(),
  }
}
