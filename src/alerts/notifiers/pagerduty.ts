// PagerDuty, by its Events API v2. A group of alerts is one incident: its key deduplicates, so that telling twice is no
// second call. Source: https://developer.pagerduty.com/docs/events-api-v2-overview

import { hash } from 'node:crypto'
import type { Notice } from '../notice.ts'
import { missing, type Notifier, type Outcome } from '../notifier.ts'
import { post } from '../post.ts'
import { linesOf, titleOf } from '../words.ts'

const URL_OF_ALL = 'https://events.pagerduty.com/v2/enqueue'
const MOST_SUMMARY = 1_024

export default {
  tells: 'whoever is on call',
  people: true,
  acknowledges: true,

  open({ key, url = URL_OF_ALL }) {
    if (key === undefined) throw missing('keyFile', 'pagerduty')
    return async (notice, { signal }): Promise<Outcome> => {
      const send = (action: string): Promise<Outcome> =>
        post({ url, body: { routing_key: key, ...eventOf(notice, action) }, signal, secrets: [key] })
      const sent = await send(actionOf(notice))
      // A test leaves no incident behind.
      return notice.kind === 'test' && sent.kind === 'delivered' ? send('resolve') : sent
    }
  },
} satisfies Notifier

function actionOf({ kind, firing }: Notice): 'trigger' | 'acknowledge' | 'resolve' {
  if (kind === 'test') return 'trigger'
  if (firing.length === 0) return 'resolve'
  return kind === 'acknowledged' ? 'acknowledge' : 'trigger'
}

function eventOf(notice: Notice, action: string): Record<string, unknown> {
  const key = { event_action: action, dedup_key: hash('sha256', `respite ${notice.groupKey}`) }
  if (action !== 'trigger') return key
  const [worst] = notice.firing
  return {
    ...key,
    client: 'Respite',
    client_url: notice.externalUrl,
    payload: {
      summary: titleOf(notice).slice(0, MOST_SUMMARY),
      source: worst?.labels['instance'] ?? Object.values(notice.groupLabels).join(' ') ?? 'respite',
      severity: notice.kind === 'test' ? 'info' : (worst?.severity ?? 'warning'),
      timestamp: new Date(worst?.startsAt ?? notice.at).toISOString(),
      group: notice.groupLabels['deployment'] ?? '',
      class: worst?.name ?? 'test',
      custom_details: { message: linesOf(notice).join('\n'), firing: notice.firing.length },
    },
    links: linksOf(notice),
  }
}

function linksOf({ firing, owner }: Notice): { href: string; text: string }[] {
  const runbooks = firing.map(({ annotations }) => annotations['runbook_url'])
  return [
    ...[...new Set(runbooks)].flatMap((href) => (href === undefined ? [] : [{ href, text: 'Runbook' }])),
    ...(owner?.insight === undefined ? [] : [{ href: owner.insight, text: 'Data' }]),
    ...(owner?.dependents ?? []).map((href) => ({ href, text: 'Depends on it' })),
  ].slice(0, 10)
}
