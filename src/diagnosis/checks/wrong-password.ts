// Logins that are refused. When they are Respite's own, the server is well and it is only we who cannot look; when they are
// others', somebody still has an old password, or tries many.

import { ANSWERS } from '../../redis/answers.ts'
import type { Answered, ServerCheck } from '../check.ts'
import type { AclLogSeen, Evidence, ServerEvidence } from '../evidence.ts'
import { hostOf, infoFact, infoRate, infoText, setting } from '../readings/reading.ts'
import { linkTrouble } from '../readings/replication-links.ts'

const RECENT_SECONDS = 60
const MANY_USERS = 5

export default {
  asks: 'Are logins refused?',

  look(server, evidence) {
    const { id } = server.answer
    return id === 'noauth' || id === 'wrongpass' ? ours(server) : theirs(server, evidence)
  },
} satisfies ServerCheck

function ours({ id, answer }: ServerEvidence): Answered {
  const wants = answer.id === 'noauth' ? 'wants a password that Respite was not given' : "refuses Respite's password"
  return {
    kind: 'fault',
    severity: 'warning',
    says: `${id} ${wants}. The server is well as far as can be seen; where the password was changed, applications are refused too.`,
    first: ANSWERS[answer.id].first,
    evidence: [{ source: 'a new connection', name: 'login', value: answer.text ?? answer.id }],
    ruledOut: [
      { check: 'process-down', by: 'it answers' },
      { check: 'missing-permission', by: 'it refuses the login, not a command' },
      { check: 'protected-mode', by: 'it asks for a password' },
    ],
    alerts: ['RedisDown', 'RedisNotMeasured', 'RedisAuthErrors'],
  }
}

/** Those of the last minute; an old one is somebody's mistake of once. */
function theirs(server: ServerEvidence, evidence: Evidence): Answered {
  const rate =
    (infoRate(server, 'errorstat_WRONGPASS', 'count') ?? 0) + (infoRate(server, 'errorstat_NOAUTH', 'count') ?? 0)
  const refused = (server.acl?.log ?? []).filter(isRecentLogin)
  if (rate === 0 && refused.length === 0) return undefined
  const users = new Set(refused.map(({ username }) => username))
  const hosts = new Set(refused.map(({ client }) => hostOf(client['addr'] ?? '')))
  const replica = evidence.servers.find((one) => mayBeRefused(one, server, evidence) && hosts.has(hostOf(one.address)))
  if (replica !== undefined)
    return {
      between: ['wrong-password', 'replica-auth-failed'],
      says: `Logins at ${server.id} from ${hostOf(replica.address)} are refused, and its replica ${replica.id} runs there, whose own words about its link could not be read: it may be the replica, or another client of that machine.`,
      wouldTell: `the last lines of the log of ${replica.id}: it says "Unable to AUTH" when it is the one`,
    }
  const who =
    refused.length === 0
      ? ''
      : ` They come from ${[...hosts].slice(0, 3).join(', ')} as ${[...users].slice(0, 3).join(', ')}.`
  const isAttack = users.size >= MANY_USERS
  return {
    kind: 'fault',
    severity: 'warning',
    says: `Logins at ${server.id} are refused${rate > 0 ? `, ${rate.toFixed(1)} a second` : ''}.${who} ${
      isAttack
        ? `${users.size} different users look like somebody who tries passwords.`
        : 'A client has an old password, or none.'
    }`,
    first: isAttack
      ? 'Close the port to these addresses.'
      : 'Give that client the password; a user may have two at once: ACL SETUSER name >new keeps the old one until all clients know the new.',
    evidence: [
      ...['errorstat_WRONGPASS', 'errorstat_NOAUTH']
        .filter((field) => server.info?.fields[field] !== undefined)
        .map((field) => infoFact(server, 'errorstats', field)),
      ...refused.slice(0, 3).map(({ username, client, count, ageSeconds }) => ({
        source: 'ACL LOG',
        name: `auth as ${username}`,
        value: `${count} times from ${client['addr'] ?? '?'}, the last ${Math.round(ageSeconds)} s ago`,
      })),
    ],
    ruledOut: [{ check: 'missing-permission', by: 'logins are refused, and not commands' }],
    alerts: ['RedisAuthErrors'],
  }
}

/** A replica of the server that was not seen, or follows it no more and nobody knows why. */
function mayBeRefused(one: ServerEvidence, server: ServerEvidence, evidence: Evidence): boolean {
  if (one.role !== 'replica' || one.primary !== server.id) return false
  if (one.info === undefined) return true
  const isDown = infoText(one, 'master_link_status') === 'down'
  return isDown && setting(one, 'masterauth') !== '' && linkTrouble(one, evidence) === undefined
}

function isRecentLogin({ reason, ageSeconds, client }: AclLogSeen): boolean {
  return reason === 'auth' && ageSeconds <= RECENT_SECONDS && client['name'] !== 'respite'
}
