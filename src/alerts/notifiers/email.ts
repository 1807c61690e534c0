// E-mail over SMTP. A login goes only over TLS, except to this machine. Mails of one group of alerts are one thread.

import { hash } from 'node:crypto'
import { createTransport } from 'nodemailer'
import { reasonOf } from '../../lib/fault.ts'
import { isLoopback, parseListen } from '../../lib/listen-address.ts'
import type { Notice } from '../notice.ts'
import { missing, type Notifier, type Outcome, type Send } from '../notifier.ts'
import { hideAll } from '../post.ts'
import { linesOf, titleOf } from '../words.ts'

const TLS_FROM_THE_START = 465
const SUBMISSION = 587

export default {
  tells: 'mailboxes',
  people: true,
  acknowledges: true,

  open({ server, from, to, user, password }): Send {
    if (server === undefined || from === undefined || to === undefined) throw missing('server, from or to', 'email')
    const { host, port } = parseListen(server) ?? { host: server, port: SUBMISSION }
    const auth = user === undefined ? undefined : { user, pass: password ?? '' }
    return async (notice, { signal }) => {
      const transport = createTransport({
        host,
        port,
        secure: port === TLS_FROM_THE_START,
        requireTLS: auth !== undefined && !isLoopback(host),
        ...(auth && { auth }),
      })
      const abort = (): void => transport.close()
      const aborted = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      })
      try {
        signal.throwIfAborted()
        const sent = await Promise.race([transport.sendMail({ from, to: [...to], ...mailOf(notice, from) }), aborted])
        return deliveredTo(sent)
      } catch (error) {
        return outcomeOf(error, [password ?? ''])
      } finally {
        abort()
      }
    }
  },
} satisfies Notifier

function deliveredTo({ rejected, response }: { rejected?: unknown[]; response?: string }): Outcome {
  const not = rejected ?? []
  const says = not.length === 0 ? '' : `; not to ${not.map(String).join(', ')}`
  return { kind: 'delivered', says: `${response ?? 'accepted'}${says}` }
}

/** The server's 5xx is for good, its 4xx and silence are for now. Source: RFC 5321, 4.2.1. */
function outcomeOf(error: unknown, secrets: readonly string[]): Outcome {
  const code = (error as { responseCode?: unknown }).responseCode
  const says = hideAll(reasonOf(error), secrets)
  return typeof code === 'number' && code >= 500 ? { kind: 'refused', says } : { kind: 'retry', says }
}

function mailOf(notice: Notice, from: string): Record<string, unknown> {
  const domain = from.split('@').at(-1) ?? 'respite'
  const thread = `<${hash('sha256', notice.groupKey).slice(0, 32)}@${domain}>`
  const urgent = notice.firing.some(({ severity }) => severity === 'critical')
  return {
    subject: titleOf(notice),
    text: `${titleOf(notice)}\n\n${linesOf(notice).join('\n').trim()}\n`,
    references: thread,
    inReplyTo: thread,
    headers: { 'Auto-Submitted': 'auto-generated' }, // RFC 3834: no out-of-office answers
    ...(urgent && { priority: 'high' }),
  }
}
