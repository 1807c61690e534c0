// A replica that lost its primary while both of them answer: it is the link, and not a process. The replica's log says
// what it met; what the primary kept of its backlog says whether the next synchronisation is cheap or a full one, which a
// restart of either side would make certain.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import { ANSWERS } from '../../redis/answers.ts'
import type { Answered, Fact, RuledOut, ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoFact, infoNumber, infoText, logFact, setting } from '../readings/reading.ts'
import {
  LOST_REPLICA_BRINGS,
  bytesBehind,
  isLinkDown,
  linkOf,
  linkTrouble,
  type LinkTrouble,
  type ReplicationLink,
} from '../readings/replication-links.ts'

const SETTLING_SECONDS = 3 // a replica that just started, or was told to follow another, is connecting

export default {
  asks: 'Has this replica lost the link to its primary, although both of them answer?',

  look(server, evidence) {
    const link = linkOf(server, evidence)
    if (link === undefined || !isLinkDown(link)) return undefined
    const told = linkTrouble(server, evidence)
    if (told?.trouble === 'login' || told?.trouble === 'sync timeout') return undefined // checks of their own
    const downSeconds = infoNumber(server, 'master_link_down_since_seconds') ?? -1
    if (told === undefined && downSeconds < SETTLING_SECONDS) return undefined
    // A primary of which nothing is known but that it cannot be reached: what it is with it is the question, and not the link.
    if (link.primary !== undefined && ANSWERS[link.primary.answer.id].alive !== true) return undefined
    const primaryAnswers = link.primary?.answer.id === 'ok'
    if (told === undefined && primaryAnswers && server.log === undefined) return undecided(server, link)
    const missing = missingOf(link)
    return {
      kind: 'fault',
      severity: 'warning',
      says:
        `${server.id} has no link to its primary ${link.primaryId}` +
        (downSeconds < 0 ? '' : ` for ${formatDuration(downSeconds * 1_000)}`) +
        (primaryAnswers
          ? `, although both answer: ${WHY[told?.trouble ?? 'unknown']}.`
          : link.primary === undefined
            ? ', and nothing is known of that server.'
            : ', which does not answer.') +
        missing,
      evidence: [
        infoFact(server, 'replication', 'master_link_status'),
        infoFact(server, 'replication', 'master_link_down_since_seconds'),
        ...(told === undefined ? [] : [logFact(told.line)]),
        ...fromPrimary(link),
      ],
      ruledOut: ruledOut(server, evidence, link),
      alerts: ['RedisDisconnectedSlaves', 'ReplicationLag'],
      brings: primaryAnswers ? LOST_REPLICA_BRINGS : ['replica-lag', 'replica-stale-refused'],
      actions: [
        {
          id: 'set-backlog-size',
          why: 'a larger backlog of the primary lets the replica catch up without a full copy',
        },
        { id: 'reattach-replica', why: 'where it follows an address at which its primary no longer is' },
      ],
    }
  },
} satisfies ServerCheck

const WHY = {
  network: 'they do not reach each other',
  disk: 'the replica cannot store what it is sent',
  'primary refuses': 'the primary refuses it, in the words of its log',
  login: 'the primary refuses its login',
  'sync timeout': 'the copy takes too long',
  unknown: 'its log does not say why',
} as const satisfies Record<LinkTrouble | 'unknown', string>

/** Without the replica's log several causes look alike; those that the primary excludes are left out. */
function undecided({ id }: ServerEvidence, { primary }: ReplicationLink): Answered {
  const isOpen = primary !== undefined && setting(primary, 'requirepass') === ''
  return {
    between: ['replication-link-down', ...(isOpen ? [] : ['replica-auth-failed']), 'full-resync-loop', 'sync-timeout'],
    server: id,
    says: `${id} has no link to its primary, and its log, which says why, cannot be seen.`,
    wouldTell: 'the log of the replica: respite doctor URL --log FILE, or on its machine',
  }
}

/** What it lacks, and whether the backlog still has it. */
function missingOf(link: ReplicationLink): string {
  const { replica, primary } = link
  const behind = bytesBehind(link)
  if (primary === undefined || behind === undefined) return ''
  const first = infoNumber(primary, 'repl_backlog_first_byte_offset')
  const at = infoNumber(replica, 'slave_repl_offset')
  const sameHistory = [infoText(primary, 'master_replid'), infoText(primary, 'master_replid2')].includes(
    infoText(replica, 'master_replid'),
  )
  const partial =
    sameHistory && infoText(primary, 'repl_backlog_active') === '1' && (at ?? 0) + 1 >= (first ?? Infinity)
  return ` It lacks ${formatBytes(behind)} of writes; when the link returns, ${partial ? 'these are enough, as long as nobody restarts either side' : 'it needs a full copy'}.`
}

function fromPrimary({ primary, listed }: ReplicationLink): Fact[] {
  if (primary?.info === undefined) return []
  const value = listed === undefined ? 'not listed' : `state=${listed.state}, offset=${listed.offset}`
  return [{ source: `INFO replication of ${primary.id}`, name: 'the replica', value }]
}

function ruledOut(server: ServerEvidence, evidence: Evidence, { primary }: ReplicationLink): RuledOut[] {
  const found: RuledOut[] = []
  if (primary?.answer.id === 'ok') found.push({ check: 'process-down', by: `${primary.id} answers` })
  if (server.log !== undefined) {
    found.push({ check: 'replica-auth-failed', by: 'the last failure in its log is not about a login' })
    found.push({ check: 'sync-timeout', by: 'the last failure in its log is not about a copy that took too long' })
  }
  return found
}
