// A subscriber that reads more slowly than is published. Messages wait in the server until the limit of its class, then
// the server closes the connection, and every message in it and after it is lost without a word to the publisher.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import {
  agoText,
  applicationClients,
  clientFact,
  closedClients,
  isSubscriber,
  showClient,
  unreadBytes,
} from '../readings/client-lines.ts'
import { infoFact, infoText, logFact, settingFact } from '../readings/reading.ts'

const OVER_LIMIT = /(?:scheduled to be closed ASAP|closed) for overcoming of output buffer limits/
const MUCH = 1 << 20 // unread: far more than is on its way to one that reads

export default {
  asks: 'Was a subscriber closed, or will it be, because it reads too slowly?',

  look(server, evidence) {
    const closed = closedClients(server, evidence, OVER_LIMIT).filter(({ client }) => isSubscriber(client))
    const slow = applicationClients(server).filter((client) => isSubscriber(client) && unreadBytes(client) >= MUCH)
    const last = closed.at(-1)
    const [behind] = slow.toSorted((a, b) => unreadBytes(b) - unreadBytes(a))
    if (last === undefined && behind === undefined) return undefined
    const says =
      last === undefined
        ? `${showClient(behind ?? {})} reads its messages too slowly: ${formatBytes(unreadBytes(behind ?? {}))} wait for it, and at its limit it is cut off and they are lost.`
        : `The subscriber ${showClient(last.client)} was cut off ${agoText(evidence, last.entry)} with ${formatBytes(unreadBytes(last.client))} of messages unread, which are lost${closed.length === 1 ? '' : `; it happened ${closed.length} times in ten minutes`}.`
    return {
      kind: 'fault',
      severity: 'warning',
      says,
      evidence: [
        ...(last === undefined ? [] : [logFact(last.entry)]),
        ...slow.slice(0, 3).map((client) => clientFact(client, 'flags', 'sub', 'psub', 'omem', 'age')),
        ...(server.config === undefined ? [] : [settingFact(server, 'client-output-buffer-limit')]),
        ...(infoText(server, 'client_output_buffer_limit_disconnections') === undefined
          ? []
          : [infoFact(server, 'stats', 'client_output_buffer_limit_disconnections')]),
      ],
      ruledOut: [
        { check: 'client-buffer-bloat', by: 'it subscribes: its class is pubsub, which has a limit' },
        { check: 'full-resync-loop', by: 'it is no replica: its flag is P' },
        ...(last === undefined
          ? []
          : [{ check: 'idle-timeout', by: 'the log says that its buffer was over the limit' }]),
      ],
      alerts: ['RedisMemoryHigh', 'MemoryFull'],
      actions: [
        {
          id: 'limit-client-buffers',
          why: 'a higher limit of the class pubsub bridges a pause of the reader, and costs memory',
        },
      ],
    }
  },
} satisfies ServerCheck
