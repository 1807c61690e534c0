// Replies that a client does not read wait in the server's memory. Clients of the class `normal`, and those that run
// MONITOR are of it, have no limit by default, so that one of them can fill the server.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { applicationClients, clientFact, isSubscriber, showClient, unreadBytes } from '../readings/client-lines.ts'
import { memoryUse } from '../readings/memory-use.ts'
import { infoFact, infoNumber, infoNumberBefore, settingFact } from '../readings/reading.ts'

const MUCH = 1 << 20 // of one client: more than any reply that is on its way for a second
const TOGETHER = 8 << 20

export default {
  asks: 'Do replies that clients do not read fill the memory?',

  look(server) {
    const heavy = applicationClients(server)
      .filter((client) => !isSubscriber(client) && unreadBytes(client) >= MUCH)
      .toSorted((a, b) => unreadBytes(b) - unreadBytes(a))
    const [worst] = heavy
    const unread = heavy.reduce((sum, client) => sum + unreadBytes(client), 0)
    // A large reply under way is gone a second later.
    const held = Math.min(infoNumberBefore(server, 'mem_clients_normal') ?? 0, unread)
    if (worst === undefined || held < TOGETHER) return undefined
    const use = memoryUse(server)
    const fills = use?.isFull === true && use.usedBytes - unread <= use.limitBytes
    const evicts = use !== undefined && use.usedBytes > 0.95 * use.limitBytes
    const others = heavy.length === 1 ? '' : ` and ${heavy.length - 1} more`
    return {
      kind: 'fault',
      severity: fills ? 'critical' : 'warning',
      says: `${showClient(worst)}${others} does not read its replies: ${formatBytes(unread)} of them wait in the server's memory.`,
      evidence: [
        ...heavy.slice(0, 3).map((client) => clientFact(client, 'flags', 'omem', 'oll', 'age', 'cmd')),
        {
          source: 'INFO memory',
          name: 'mem_clients_normal',
          value: formatBytes(infoNumber(server, 'mem_clients_normal') ?? unread),
        },
        infoFact(server, 'clients', 'client_recent_max_output_buffer'),
        ...(server.config === undefined ? [] : [settingFact(server, 'client-output-buffer-limit')]),
      ],
      ruledOut: [
        { check: 'slow-subscriber', by: 'these clients subscribe to nothing' },
        { check: 'full-resync-loop', by: 'the buffers are of clients, not of replicas' },
        { check: 'big-key', by: 'the replies have waited for more than a second: nobody reads them' },
      ],
      alerts: ['RedisMemoryHigh', 'MemoryFull', 'WritesRefused', 'RedisEvictions'],
      brings: [
        ...(fills ? ['maxmemory-reached', 'volatile-policy-no-ttl'] : []),
        ...(fills || evicts ? ['eviction-storm'] : []),
      ],
      actions: [
        { id: 'close-clients', why: `gives back ${formatBytes(unread)} at once; the application connects again` },
        {
          id: 'limit-client-buffers',
          why: 'lets the server close such a client by itself',
        },
      ],
    }
  },
} satisfies ServerCheck
