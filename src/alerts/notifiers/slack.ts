// Slack, by an incoming webhook: the whole URL is the secret. Also Mattermost and Rocket.Chat, which take the same.
// Source: https://api.slack.com/messaging/webhooks

import type { Notice } from '../notice.ts'
import { missing, type Notifier } from '../notifier.ts'
import { post } from '../post.ts'
import { linesOf, titleOf } from '../words.ts'

const MOST_TEXT = 2_900 // a section holds 3,000 characters

export default {
  tells: 'a Slack channel',
  people: true,
  acknowledges: true,

  open({ url }) {
    if (url === undefined) throw missing('urlFile', 'slack')
    return (notice, { signal }) => post({ url, body: messageOf(notice), signal, secrets: [] })
  },
} satisfies Notifier

function messageOf(notice: Notice): unknown {
  const title = escape(titleOf(notice))
  const lines = linesOf(notice).map((line) => escape(line))
  // `text` is what a phone shows before it is opened.
  return {
    text: title,
    attachments: [{ color: colourOf(notice), blocks: [section(`*${title}*`), ...sections(lines)] }],
  }
}

const section = (text: string): unknown => ({ type: 'section', text: { type: 'mrkdwn', text } })

function sections(lines: readonly string[]): unknown[] {
  const text = lines.join('\n').trim()
  return text === '' ? [] : [section(text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text)]
}

function colourOf({ kind, firing }: Notice): string {
  if (kind === 'test' || firing.length === 0) return '#2eb886'
  return firing.some(({ severity }) => severity === 'critical') ? '#d40e0d' : '#daa038'
}

/** Source: https://api.slack.com/reference/surfaces/formatting#escaping */
function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
