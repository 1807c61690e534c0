// As many clients as are allowed: new ones are turned away, those inside are served, and the log says nothing. Who holds
// the connections is seen only by somebody who is inside already.

import type { Answered, Fact, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { hostOf, infoFact, infoNumber, infoRate, settingFact, settingNumber } from '../readings/reading.ts'

const NEAR = 0.8

export default {
  asks: 'Is the server full of clients?',

  look(server) {
    const limit = settingNumber(server, 'maxclients') ?? infoNumber(server, 'maxclients')
    const clients = infoNumber(server, 'connected_clients')
    const rejected = infoRate(server, 'rejected_connections') ?? 0
    const isNear = limit !== undefined && clients !== undefined && clients >= NEAR * limit
    // Protected mode counts whom it turns away as rejected, too.
    if (server.answer.id === 'maxclients' || (rejected > 0 && isNear)) return full(server, limit, clients)
    if (!isNear) return undefined
    return {
      kind: 'risk',
      severity: 'warning',
      says: `${clients} of ${limit} clients are connected to ${server.id}: at the limit, new ones are turned away.${holders(server)}`,
      evidence: [infoFact(server, 'clients', 'connected_clients'), settingFact(server, 'maxclients')],
      alerts: ['RedisConnectionsHigh'],
      actions: ACTIONS,
    }
  },
} satisfies ServerCheck

const ACTIONS = [
  { id: 'raise-maxclients', why: 'as far as the limit of open files allows' },
  { id: 'close-clients', why: 'those that are idle for long; each is shown before' },
] as const

function full(server: ServerEvidence, limit: number | undefined, clients: number | undefined): Answered {
  const count = clients === undefined ? '' : `: ${clients} of ${limit ?? '?'}`
  return {
    kind: 'fault',
    severity: server.role === 'replica' ? 'warning' : 'critical',
    says: `${server.id} has as many clients as it may have${count}. New ones are turned away; those inside are served.${holders(server)}`,
    evidence: facts(server),
    ruledOut: [
      { check: 'process-down', by: 'it answers a new client, if only to turn it away' },
      { check: 'bind-or-firewall', by: 'the connection is accepted' },
      { check: 'wrong-password', by: 'it turns away before anybody logs in' },
    ],
    alerts: ['RedisDown', 'RedisRejectedConnections', 'RedisConnectionsHigh'],
    actions: ACTIONS,
  }
}

function facts(server: ServerEvidence): Fact[] {
  const { answer, process } = server
  return [
    ...(answer.id === 'maxclients'
      ? [{ source: 'a new connection', name: answer.id, value: answer.text ?? 'turned away' }]
      : [infoFact(server, 'stats', 'rejected_connections')]),
    ...(server.info === undefined ? [] : [infoFact(server, 'clients', 'connected_clients')]),
    ...(server.config === undefined ? [] : [settingFact(server, 'maxclients')]),
    ...(process?.openFiles === undefined
      ? []
      : [
          {
            source: `/proc/${process.pid}/fd`,
            name: 'open files',
            value: `${process.openFiles} of ${process.openFilesLimit ?? '?'}`,
          },
        ]),
  ]
}

/** Whose connections they are, where the list was seen. */
function holders({ clients = [], ownAddress }: ServerEvidence): string {
  const counts = new Map<string, number>()
  for (const { addr = '', name = '' } of clients) {
    if (addr === ownAddress) continue
    const who = `${hostOf(addr)}${name === '' ? '' : ` (${name})`}`
    counts.set(who, (counts.get(who) ?? 0) + 1)
  }
  const [first] = [...counts].toSorted(([, a], [, b]) => b - a)
  return first === undefined || first[1] < 2 ? '' : ` Most are of ${first[0]}: ${first[1]}.`
}
