// What a notifier is handed: one group of alerts at one moment, with everything that a message needs to say about them.

import type { Acknowledgement } from '../state/acknowledgements.ts'
import { isFlapping } from './alert-life.ts'
import { severityOf, severityRank, type Alert, type Labels, type Severity } from './alert.ts'
import type { Cause } from './cause.ts'
import type { NewsKind } from './due.ts'
import type { Ownership } from './settings.ts'

/** The server that an alert is about, in the words of the screen. */
export interface Subject {
  readonly id: string // host:port
  readonly role: string
  readonly says: string // "refuses connections"
  readonly means: string
  readonly first: string // what to do first
}

export interface NoticeAlert {
  readonly fingerprint: string
  readonly name: string
  readonly severity: Severity
  readonly labels: Labels
  readonly annotations: Labels
  readonly value: number
  readonly activeAt: number // epoch milliseconds, as all times: since when it is so, before `for` was waited for
  readonly startsAt: number // since when it fires
  readonly endsAt: number | undefined // undefined: it still fires
  readonly generatorUrl: string
  readonly news: boolean // what this notice is sent for; the others are told along with it
  readonly flapping: boolean
  readonly subject: Subject | undefined
  readonly cause: Cause | undefined // why it fires, as far as it is known
  readonly ack: Pick<Acknowledgement, 'by' | 'comment' | 'untilMs'> | undefined
}

export interface Notice {
  readonly kind: NewsKind | 'test'
  readonly notifier: string // id of who is told
  readonly groupKey: string // the same for the same group always; what receivers deduplicate by
  readonly groupLabels: Labels
  readonly at: number // epoch milliseconds
  readonly firing: readonly NoticeAlert[] // worst first, then the oldest
  readonly resolved: readonly NoticeAlert[]
  readonly owner: Ownership | undefined
  readonly externalUrl: string // of this Respite
}

export interface NoticeParts {
  readonly news: ReadonlyMap<string, NewsKind> // by fingerprint
  readonly alerts: readonly Alert[] // of the group: what fires and is told here, and what ended
  readonly subjectOf: (labels: Labels) => Subject | undefined
  readonly causeOf: (alert: Alert) => Cause | undefined
  readonly ackOf: (fingerprint: string) => Acknowledgement | undefined
  readonly nowMs: number // steady
}

const WORST_FIRST: readonly NewsKind[] = ['firing', 'escalation', 'diagnosed', 'repeat', 'acknowledged', 'resolved']

export function makeNotice(
  around: Pick<Notice, 'notifier' | 'groupKey' | 'groupLabels' | 'at' | 'owner' | 'externalUrl'>,
  { news, alerts, subjectOf, causeOf, ackOf, nowMs }: NoticeParts,
): Notice {
  const kinds = new Set(news.values())
  const all = alerts
    .map((alert) => ({ alert, ended: alert.life.state === 'resolved' }))
    .toSorted((a, b) => severityRank(b.alert.labels) - severityRank(a.alert.labels) || begin(a.alert) - begin(b.alert))
    .map(({ alert, ended }): NoticeAlert => {
      const { fingerprint, name, labels, annotations, value, generatorUrl, life } = alert
      return {
        fingerprint,
        name,
        labels,
        annotations,
        value,
        generatorUrl,
        severity: severityOf(labels),
        activeAt: life.activeAt,
        startsAt: begin(alert),
        endsAt: ended ? (life.resolvedAt ?? around.at) : undefined,
        news: news.has(fingerprint),
        flapping: isFlapping(life, nowMs),
        subject: subjectOf(labels),
        cause: causeOf(alert),
        ack: ackOf(fingerprint),
      }
    })
  return {
    ...around,
    kind: WORST_FIRST.find((kind) => kinds.has(kind)) ?? 'repeat',
    firing: all.filter(({ endsAt }) => endsAt === undefined),
    resolved: all.filter(({ endsAt }) => endsAt !== undefined),
  }
}

const begin = ({ life }: Alert): number => life.firedAt ?? life.activeAt
