// A replica that follows and is behind. How far is the age of what it has not applied, and not `lag=`, which is the age
// of its last word: a replica one gigabyte behind shows 0 there. Where the data waits tells the cause: at the primary for
// the network, or at the replica for its processor.

import { present } from '../../lib/present.ts'
import { formatBytes, formatDuration } from '../../lib/units.ts'
import { ANSWERS } from '../../redis/answers.ts'
import type { Fact, RuledOut, ServerCheck } from '../check.ts'
import { hostOf, infoNumber, infoRate, infoText } from '../readings/reading.ts'
import { bytesBehind, linkOf, listedBefore, type ReplicationLink } from '../readings/replication-links.ts'

const BEHIND_SECONDS = 3
const LEAST_BYTES = 64 << 10 // less than this is what is on its way at any moment
const BUSY_SHARE = 0.85 // of one core, of the main thread

export default {
  asks: 'Is this replica behind its primary, although it follows?',

  look(server, evidence) {
    const link = linkOf(server, evidence)
    if (link?.primary?.info === undefined || link.listed?.state !== 'online') return undefined
    const isSilent = server.info === undefined
    if (!isSilent && infoText(server, 'master_link_status') !== 'up') return undefined
    const behind = bytesBehind(link) ?? 0
    const seconds = secondsBehind(link, behind)
    const isUnheard = isSilent || link.listed.ackAgeSeconds >= BEHIND_SECONDS // it acknowledges every second
    if (seconds < BEHIND_SECONDS || behind < (isUnheard ? 1 : LEAST_BYTES)) return undefined
    const cause = causeOf(link)
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${server.id} is ${formatBytes(behind)} behind its primary ${link.primaryId}, which is ${formatDuration(seconds * 1_000)} of what is written: ${cause.says}. That much is lost if it has to take over now.`,
      ...present({ first: cause.first }),
      evidence: [
        {
          source: `INFO replication of ${link.primaryId}`,
          name: 'master_repl_offset',
          value: String(infoNumber(link.primary, 'master_repl_offset')),
        },
        { source: `INFO replication of ${link.primaryId}`, name: 'acknowledged', value: String(link.listed.offset) },
        ...cause.facts,
      ],
      ruledOut: [
        { check: 'replication-link-down', by: 'its primary lists it as online' },
        { check: 'full-resync-loop', by: 'it is not in a full copy' },
        ...cause.ruledOut,
      ],
      alerts: ['ReplicationLag'],
      brings: [{ check: 'not-enough-replicas', on: [link.primary.id] }, 'replication-link-down'],
      actions: [],
    }
  },
} satisfies ServerCheck

/** The age of the oldest write that it lacks, by whichever is known best. */
function secondsBehind({ replica, primary, listed }: ReplicationLink, behind: number): number {
  const rate = primary === undefined ? 0 : (infoRate(primary, 'master_repl_offset') ?? 0)
  const byRate = rate > 0 ? behind / rate : 0
  const silentFor = behind > 0 ? (listed?.ackAgeSeconds ?? 0) : 0
  return Math.max(replica.lagSeconds ?? 0, byRate, silentFor)
}

interface Cause {
  readonly says: string
  readonly first?: string
  readonly facts: readonly Fact[]
  readonly ruledOut: readonly RuledOut[]
}

function causeOf({ replica, primary, listed }: ReplicationLink): Cause {
  const { answer, process: running } = replica
  if (answer.id !== 'ok' && answer.id !== 'unasked')
    return {
      says: `it does not answer (${ANSWERS[answer.id].says})`,
      first: ANSWERS[answer.id].first,
      facts: [],
      ruledOut: [],
    }
  const received = infoNumber(replica, 'slave_read_repl_offset')
  const applied = infoNumber(replica, 'slave_repl_offset')
  const share = infoRate(replica, 'used_cpu_user_main_thread')
  const system = infoRate(replica, 'used_cpu_sys_main_thread')
  const busy = share === undefined ? running?.cpuShare : share + (system ?? 0)
  const waiting = waitingFor(replica.id, primary)
  const facts: Fact[] = [
    ...(busy === undefined
      ? []
      : [{ source: 'INFO cpu', name: 'main thread of the replica', value: `${Math.round(busy * 100)} % of a core` }]),
    ...(received === undefined || applied === undefined
      ? []
      : [{ source: 'INFO replication', name: 'received and not applied', value: formatBytes(received - applied) }]),
    ...(waiting === undefined
      ? []
      : [{ source: 'CLIENT LIST of the primary', name: 'waits to be sent', value: formatBytes(waiting) }]),
  ]
  if (busy !== undefined && busy >= BUSY_SHARE)
    return {
      says: 'its processor is busy all the time',
      first:
        'SLOWLOG GET and CLIENT LIST on the replica: who reads what there; it applies the stream with the same thread that answers reads.',
      facts,
      ruledOut: [],
    }
  const before = primary === undefined ? undefined : listedBefore(primary).find(({ id }) => id === replica.id)
  const moved = before !== undefined && listed !== undefined && listed.offset > before.offset
  if (busy !== undefined && (waiting ?? 0) > LEAST_BYTES)
    return {
      says: `the network between them is too slow, the data waits at the primary${moved ? '' : ' and does not move'}`,
      first:
        'Look at the path between the two machines: losses (ss -ti shows retransmissions), a limit of bandwidth; and at what is written, where it is more than before.',
      facts,
      ruledOut: [
        { check: 'cpu-saturated', by: `its main thread uses ${Math.round(busy * 100)} % of a core` },
        { check: 'process-stopped', by: 'it answers' },
      ],
    }
  return { says: 'where the data waits cannot be told from here', facts, ruledOut: [] }
}

/** What the primary has for this replica and has not given to its socket yet. */
function waitingFor(id: string, primary: ReplicationLink['primary']): number | undefined {
  const replicas = primary?.clients?.filter(({ flags = '' }) => flags.includes('S')) ?? []
  if (replicas.length === 1) return Number(replicas[0]?.['omem'])
  const host = hostOf(id)
  const ofHost = replicas.filter(({ addr = '' }) => addr.startsWith(`${host}:`))
  return ofHost.length === 1 ? Number(ofHost[0]?.['omem']) : undefined
}
