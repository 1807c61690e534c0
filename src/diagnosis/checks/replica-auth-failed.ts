// A replica that its primary does not let in. It often shows only after a failover, when the new primary has a password
// that its replicas were never given.

import type { Fact, ServerCheck } from '../check.ts'
import { infoFact, logFact, setting } from '../reading.ts'
import { LOST_REPLICA_BRINGS, isLinkDown, linkOf, linkTrouble } from '../replication-links.ts'

export default {
  asks: 'Does the primary refuse the login of this replica?',

  look(server, evidence) {
    const link = linkOf(server, evidence)
    if (link === undefined || !isLinkDown(link)) return undefined
    const told = linkTrouble(server, evidence)
    const { primary, primaryId } = link
    const hasNone = setting(server, 'masterauth') === ''
    const wantsOne = primary !== undefined && setting(primary, 'requirepass') === '(redacted)'
    const bySettings = told === undefined && server.log === undefined && hasNone && wantsOne
    if (told?.trouble !== 'login' && !bySettings) return undefined
    const refusal = /NOPERM/.test(told?.line.text ?? '')
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
    const denied = primary?.acl?.log.find(({ reason, ageSeconds }) => reason === 'auth' && ageSeconds < 60)
    if (denied !== undefined)
      evidenceOfIt.push({
        source: `ACL LOG of ${primaryId}`,
        name: 'reason=auth',
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
