// A client that sent more in one command than the server is willing to hold: it is closed in the middle, mostly a value or a
// batch of enormous size. Applications see a connection that is reset.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { agoText, clientNumber, closedClients, showClient } from '../readings/client-lines.ts'
import { infoFact, infoText, logFact, settingFact, settingNumber } from '../readings/reading.ts'

const TOO_LONG = /Closing client that reached max query buffer length/

export default {
  asks: 'Was a client closed because its command was larger than the query buffer may be?',

  look(server, evidence) {
    const closed = closedClients(server, evidence, TOO_LONG)
    const last = closed.at(-1)
    if (last === undefined) return undefined
    const limit = settingNumber(server, 'client-query-buffer-limit')
    const limitText = limit === undefined ? 'the limit' : `the limit of ${formatBytes(limit)}`
    const times = closed.length === 1 ? '' : ` It happened ${closed.length} times in ten minutes.`
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${showClient(last.client)} was closed ${agoText(evidence, last.entry)}: it had sent ${formatBytes(clientNumber(last.client, 'qbuf'))} of a command that was not yet whole, more than ${limitText}.${times}`,
      first:
        'See what that client sends: a value or a pipeline that large is split by the application; raise client-query-buffer-limit only where it is meant.',
      evidence: [
        logFact(last.entry),
        ...(server.config === undefined ? [] : [settingFact(server, 'client-query-buffer-limit')]),
        ...(infoText(server, 'client_query_buffer_limit_disconnections') === undefined
          ? []
          : [infoFact(server, 'stats', 'client_query_buffer_limit_disconnections')]),
      ],
      ruledOut: [
        { check: 'slow-subscriber', by: 'what was too large is what it sent, not what it did not read' },
        { check: 'idle-timeout', by: 'it was sending when it was closed' },
        { check: 'maxclients-reached', by: 'it was connected and being served' },
      ],
      actions: [],
    }
  },
} satisfies ServerCheck
