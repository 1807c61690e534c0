// Clients that connect for each command and leave again. Connecting costs the server far more than a command does, with TLS
// a hundred times more, and the client a round trip or two.

import { formatCount } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { applicationClients, clientNumber } from '../readings/client-lines.ts'
import type { ServerEvidence } from '../evidence.ts'
import { mainThreadShare, percent } from '../readings/processor-load.ts'
import { hostOf, infoFact, infoNumber, infoNumberBefore, infoRate } from '../readings/reading.ts'

const MANY = 50 // a second, that also go away again
const FEW_COMMANDS = 5 // of one connection: HELLO, AUTH, SELECT, one question, QUIT

export default {
  asks: 'Do clients open a connection for each command?',

  look(server) {
    const opened = infoRate(server, 'total_connections_received')
    const now = infoNumber(server, 'connected_clients')
    if (opened === undefined || now === undefined) return undefined
    // After a restart all clients come back at once, and stay: that is no churn.
    const stayed = Math.max(0, now - (infoNumberBefore(server, 'connected_clients') ?? now))
    const left = opened - stayed
    const commands = infoRate(server, 'total_commands_processed') ?? 0
    if (left < MANY || commands / opened > FEW_COMMANDS) return undefined
    const from = newcomers(server)
    const share = mainThreadShare(server)
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${formatCount(opened)} connections a second are opened and closed again, for ${formatCount(commands)} commands: somebody connects for each of them${from === '' ? '' : `, mostly from ${from}`}.`,
      first:
        'Give that application a pool of connections that it keeps; closing its connections here would only make it open more.',
      evidence: [
        { source: 'INFO stats', name: 'total_connections_received', value: `+${formatCount(opened)} a second` },
        { source: 'INFO stats', name: 'total_commands_processed', value: `+${formatCount(commands)} a second` },
        infoFact(server, 'clients', 'connected_clients'),
        ...(share === undefined ? [] : [{ source: 'INFO cpu', name: 'the main thread', value: percent(share) }]),
      ],
      ruledOut: [
        { check: 'maxclients-reached', by: `connected_clients is ${now}: they leave again` },
        { check: 'accept-backlog', by: 'the server accepts them as they come' },
      ],
      alerts: ['RedisCpuHigh', 'RedisLatencyHigh'],
      brings: ['cpu-saturated'],
      actions: [],
    }
  },
} satisfies ServerCheck

/** The host of most clients that have just come. */
function newcomers(server: ServerEvidence): string {
  const young = applicationClients(server).filter((client) => clientNumber(client, 'age') <= 1)
  const hosts = Map.groupBy(young, ({ addr = '' }) => hostOf(addr))
  const [most] = [...hosts].toSorted(([, a], [, b]) => b.length - a.length)
  return most?.[0] ?? ''
}
