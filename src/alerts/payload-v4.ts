// Alertmanager's webhook payload, version 4, key by key, so that whatever was built for Alertmanager's webhook takes ours.
// Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

import type { Labels } from './alert.ts'
import type { Notice, NoticeAlert } from './notice.ts'

export function payloadV4(notice: Notice): Record<string, unknown> {
  const alerts = [...notice.firing, ...notice.resolved]
  return {
    receiver: notice.notifier,
    status: notice.firing.length > 0 ? 'firing' : 'resolved',
    alerts: alerts.map((alert) => ({
      status: alert.endsAt === undefined ? 'firing' : 'resolved',
      labels: alert.labels,
      annotations: annotationsOf(alert),
      startsAt: new Date(alert.startsAt).toISOString(),
      endsAt: alert.endsAt === undefined ? '0001-01-01T00:00:00Z' : new Date(alert.endsAt).toISOString(),
      generatorURL: alert.generatorUrl,
      fingerprint: alert.fingerprint,
    })),
    groupLabels: notice.groupLabels,
    commonLabels: commonOf(alerts.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alerts.map(annotationsOf)),
    externalURL: notice.externalUrl,
    version: '4',
    groupKey: notice.groupKey,
    truncatedAlerts: 0,
  }
}

/** What we know of the server goes where every receiver looks: beside the rule's own annotations, which win. */
export function annotationsOf({ annotations, subject, cause }: NoticeAlert): Labels {
  const why: Labels =
    cause === undefined ? {} : { cause: cause.says, cause_check: cause.check, incident: cause.incident }
  if (subject === undefined) return { ...why, ...annotations }
  const { role, says, means, first } = subject
  return { server_role: role, server_says: says, server_means: means, first, ...why, ...annotations }
}

function commonOf(all: readonly Labels[]): Labels {
  const [first = {}, ...rest] = all
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => rest.every((labels) => labels[name] === value)),
  )
}
