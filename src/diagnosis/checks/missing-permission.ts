// A user who may log in and may not do what he tries. What Respite itself may not ask is said as "could not look", and only
// where it cannot even say PING is it a fault.

import { ANSWERS } from '../../redis/answers.ts'
import type { Answered, ServerCheck } from '../check.ts'
import type { AclLogSeen, ServerEvidence } from '../evidence.ts'
import { infoFact } from '../readings/reading.ts'

const RECENT_SECONDS = 60
const OF_PERMISSION = new Set(['command', 'key', 'channel'])

export default {
  asks: 'Is somebody refused what the ACL does not permit?',

  look(server) {
    return server.answer.id === 'noperm' ? ours(server) : theirs(server)
  },
} satisfies ServerCheck

function ours({ id, answer }: ServerEvidence): Answered {
  return {
    kind: 'fault',
    severity: 'warning',
    says: `${id} lets Respite in and permits it nothing: the server is well, and it is only we who cannot look.`,
    first: ANSWERS.noperm.first,
    evidence: [{ source: 'a new connection', name: 'PING', value: answer.text ?? 'NOPERM' }],
    ruledOut: [{ check: 'wrong-password', by: 'the login succeeded' }],
    alerts: ['RedisNotMeasured'],
  }
}

function theirs(server: ServerEvidence): Answered {
  const refused = (server.acl?.log ?? []).filter(
    ({ reason, ageSeconds, client }) =>
      OF_PERMISSION.has(reason) && ageSeconds <= RECENT_SECONDS && client['name'] !== 'respite',
  )
  const [last] = refused
  if (last === undefined) return undefined
  const more = refused.length === 1 ? '' : ` ${refused.length - 1} more in the last minute.`
  return {
    kind: 'fault',
    severity: 'warning',
    says: `The user ${last.username} may not ${what(last)} on ${server.id}, and tries to (${last.count} times).${more}`,
    first: `ACL SETUSER ${last.username} with just what it needs, and ACL SAVE (or CONFIG REWRITE), so that the next start knows it too.`,
    evidence: [
      ...refused.slice(0, 3).map((entry) => ({
        source: 'ACL LOG',
        name: `${entry.reason} by ${entry.username}`,
        value: `${entry.object}, ${entry.count} times from ${entry.client['addr'] ?? '?'}, the last ${Math.round(entry.ageSeconds)} s ago`,
      })),
      ...(server.info?.fields['errorstat_NOPERM'] === undefined
        ? []
        : [infoFact(server, 'errorstats', 'errorstat_NOPERM')]),
    ],
    ruledOut: [{ check: 'wrong-password', by: 'the login succeeded, and the command was refused' }],
    alerts: ['RedisAuthErrors'],
  }
}

function what({ reason, object }: AclLogSeen): string {
  if (reason === 'command') return `use the command ${object}`
  return reason === 'channel' ? `use the channel ${object}` : `touch the key ${object}`
}
