// A replica that its primary does not let in. It often shows only after a failover, when the new primary has a password
// that its replicas were never given.

import type { Consequence, Fact, ServerCheck } from '../check.ts'
import type { AclLogSeen } from '../evidence.ts'
import { infoFact, infoText, logFact, setting } from '../readings/reading.ts'
import { LOST_REPLICA_BRINGS, isLinkDown, linkOf, linkTrouble } from '../readings/replication-links.ts'

const RECENTLY_MS = 10_000
const RECENTLY_SECONDS = 10

function isAboutReplication({ reason, object, ageSeconds }: AclLogSeen): boolean {
  return reason === 'command' && /^(?:psync|sync)$/i.test(object) && ageSeconds < RECENTLY_SECONDS
}

// A replica that is refused comes back at once, again and again.
const TRIES_BRING: readonly Consequence[] = ['connection-churn', 'cpu-saturated', 'cpu-starved'].map((check) => {
  return { check, on: 'every server' }
})

export default {
  asks: 'Does the primary refuse the login of this replica?',

  look(server, evidence) {
    const link = linkOf(server, evidence)
    if (link === undefined || infoText(server, 'master_link_status') !== 'down') return undefined
    const told = linkTrouble(server, evidence)
    // It tries again at once, and for moments looks as if a copy had begun.
    const isRecent = (told?.line.at ?? 0) >= evidence.takenAt - RECENTLY_MS
    const { primary, primaryId } = link
    const hasNone = setting(server, 'masterauth') === ''
    const wantsOne = primary !== undefined && setting(primary, 'requirepass') === '(redacted)'
    // Where its log cannot be read in time, as it grows by each try: the settings of both, or what the primary noted.
    const noted = primary?.acl?.log.find(isAboutReplication)
    const isShown = told === undefined && ((hasNone && wantsOne) || noted !== undefined)
    if (told?.trouble === 'login' ? !isLinkDown(link) && !isRecent : !isShown) return undefined
    const refusal =
      /NOPERM/.test(told?.line.text ?? '') || (told === undefined && noted !== undefined)
        ? `the user that it logs in as may not replicate`
        : hasNone
          ? 'it has no password to log in with'
          : 'its password or user is refused'
    const evidenceOfIt: Fact[] = [
      infoFact(server, 'replication', 'master_link_status'),
      ...(told === undefined ? [] : [logFact(told.line)]),
    ]
    if (server.config !== undefined)
      evidenceOfIt.push({ source: 'CONFIG GET', name: 'masterauth', value: hasNone ? 'not set' : 'set' })
    if (wantsOne) evidenceOfIt.push({ source: `CONFIG GET of ${primary.id}`, name: 'requirepass', value: 'set' })
    const denied = noted ?? primary?.acl?.log.find(({ reason, ageSeconds }) => reason === 'auth' && ageSeconds < 60)
    if (denied !== undefined)
      evidenceOfIt.push({
        source: `ACL LOG of ${primaryId}`,
        name: `reason=${denied.reason}`,
        value: `${denied.count} times as ${denied.username}, the last ${Math.round(denied.ageSeconds)} s ago`,
      })
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${primaryId} does not let its replica ${server.id} in: ${refusal}. It gets no writes until that is mended.`,
      evidence: evidenceOfIt,
      ruledOut: [
        ...(primary?.answer.id === 'ok' ? [{ check: 'process-down', by: `${primaryId} answers` }] : []),
        ...(told === undefined
          ? []
          : [{ check: 'replication-link-down', by: 'the two reach each other: the primary answered the login' }]),
      ],
      alerts: ['RedisDisconnectedSlaves', 'RedisAuthErrors', 'ReplicationLag'],
      brings: [
        ...LOST_REPLICA_BRINGS,
        ...TRIES_BRING,
        ...(primary === undefined ? [] : ['wrong-password', 'missing-permission']).map((check) => ({
          check,
          on: [primary?.id ?? ''],
        })),
      ],
      actions: [
        {
          id: 'set-replica-credentials',
          why: 'masterauth (and masteruser) of the replica, on every server of the deployment',
        },
      ],
    }
  },
} satisfies ServerCheck
