// Connections that are cut because nobody speaks on them: by the server, when `timeout` says so, and clients that come back
// after a while find theirs gone. Without keepalive the opposite happens: clients that died are kept for ever.

import { formatDuration } from '../../lib/units.ts'
import type { Answered, ServerCheck } from '../check.ts'
import { lastLogged, logFact, settingFact, settingNumber } from '../readings/reading.ts'

const CLOSING = /Closing idle client/
const RECENT_MS = 5 * 60_000
const LONG_IDLE_SECONDS = 3_600
const MANY = 20

export default {
  asks: 'Are idle connections cut, or dead ones kept?',

  look(server, evidence) {
    const seconds = settingNumber(server, 'timeout')
    if (seconds === undefined) return undefined
    if (seconds === 0) return deadOnesKept(server)
    const said = lastLogged(server, evidence, CLOSING, { withinMs: RECENT_MS, sinceStart: true })
    return {
      kind: said === undefined ? 'advice' : 'fault',
      severity: said === undefined ? 'info' : 'warning',
      says: `${server.id} closes every connection that is idle for ${formatDuration(seconds * 1_000)}${said === undefined ? '' : ', and did so just now'}: a client that keeps its connection for later finds it reset.`,
      evidence: [settingFact(server, 'timeout'), ...(said === undefined ? [] : [logFact(said)])],
      ruledOut: [
        { check: 'maxclients-reached', by: 'who connects anew is served' },
        { check: 'client-buffer-bloat', by: 'nothing waits to be sent to them: they are idle' },
      ],
    }
  },
} satisfies ServerCheck

/** Half-open connections: without keepalive nobody ever notices that the other end is gone. */
function deadOnesKept(server: Parameters<ServerCheck['look']>[0]): Answered {
  if (settingNumber(server, 'tcp-keepalive') !== 0) return undefined
  const idle = (server.clients ?? []).filter(
    ({ idle: seconds, flags }) => flags === 'N' && Number(seconds) >= LONG_IDLE_SECONDS,
  ).length
  return {
    kind: idle >= MANY ? 'risk' : 'advice',
    severity: idle >= MANY ? 'warning' : 'info',
    says: `${server.id} never asks whether its clients are still there (tcp-keepalive 0): the connections of those that died stay${idle === 0 ? '' : `, and ${idle} have been idle for more than an hour`}.`,
    evidence: [settingFact(server, 'tcp-keepalive'), settingFact(server, 'timeout')],
    actions: idle >= MANY ? [{ id: 'close-clients', why: 'those that are idle for long; each is shown before' }] : [],
  }
}
