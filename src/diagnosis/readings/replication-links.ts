// Each replication link as both its ends see it: what the replica says of itself, how its primary lists it, and what the
// replica's log says of why the link is down. A link has two ends and may fail at either, or between them.

import type { Consequence } from '../check.ts'
import type { LogEntrySeen } from './reading.ts'
import { infoNumber, infoText } from './reading.ts'
import { idOf } from './sentinel-views.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'

export interface ReplicationLink {
  readonly replica: ServerEvidence
  readonly primaryId: string // as the replica names whom it follows
  readonly primary: ServerEvidence | undefined // where that server was looked at
  readonly listed: Listed | undefined // absent: its primary does not list it, or could not be asked
}

/** A replica as its primary lists it: `slave0:ip=…,port=…,state=online,offset=…,lag=0` of INFO replication. */
export interface Listed {
  readonly id: string
  readonly state: string // online, wait_bgsave, send_bulk
  readonly offset: number // the last that it acknowledged
  readonly ackAgeSeconds: number // `lag=`: since its last acknowledgement, which says nothing of how far behind it is
}

/** The link of this server, when it is a replica; also of one that does not answer and that a primary still lists. */
export function linkOf(replica: ServerEvidence, evidence: Evidence): ReplicationLink | undefined {
  if (replica.role !== 'replica' || replica.primary === undefined) return linkOfSilent(replica, evidence)
  const primary = evidence.servers.find(({ id }) => id === replica.primary) ?? primaryByHistory(replica, evidence)
  const listed = primary === undefined ? undefined : listedBy(primary).find(({ id }) => id === replica.id)
  return { replica, primaryId: replica.primary, primary, listed }
}

/** All replicas that this server lists. */
export function listedBy(primary: ServerEvidence): Listed[] {
  return listedIn(primary.info?.fields)
}

/** The same, a second earlier. */
export function listedBefore(primary: ServerEvidence): Listed[] {
  return listedIn(primary.info?.before)
}

function listedIn(fields: Readonly<Record<string, string>> | undefined): Listed[] {
  return Object.entries(fields ?? {}).flatMap(([name, text]) => {
    if (!/^slave\d+$/.test(name)) return []
    const parts = new Map(text.split(',').map((part) => part.split('=', 2) as [string, string]))
    const [offset, ack] = [Number(parts.get('offset')), Number(parts.get('lag'))]
    return [
      { id: `${parts.get('ip')}:${parts.get('port')}`, state: parts.get('state') ?? '', offset, ackAgeSeconds: ack },
    ]
  })
}

/** A replica that says nothing itself: whoever lists it is its primary, unless Sentinels have promoted it since. */
function linkOfSilent(replica: ServerEvidence, evidence: Evidence): ReplicationLink | undefined {
  if (replica.info !== undefined || replica.role !== 'replica' || isPromoted(replica, evidence)) return undefined
  for (const primary of evidence.servers) {
    const listed = listedBy(primary).find(({ id }) => id === replica.id)
    if (listed !== undefined) return { replica, primaryId: primary.id, primary, listed }
  }
  return undefined
}

function isPromoted({ id }: ServerEvidence, { servers }: Evidence): boolean {
  return servers.some(({ sentinel = [] }) => sentinel.some(({ fields }) => idOf(fields) === id))
}

/** Behind other names (a host name, NAT) the primary is the one that has the same history. */
function primaryByHistory(replica: ServerEvidence, { servers }: Evidence): ServerEvidence | undefined {
  const history = infoText(replica, 'master_replid')
  if (history === undefined || /^0+$/.test(history)) return undefined
  return servers.find(
    (server) => infoText(server, 'role') === 'master' && infoText(server, 'master_replid') === history,
  )
}

/** Is the link down, and no copy of the dataset under way or waited for? */
export function isLinkDown({ replica, listed }: ReplicationLink): boolean {
  if (infoText(replica, 'master_link_status') !== 'down') return false
  return infoText(replica, 'master_sync_in_progress') !== '1' && !isCopying(listed)
}

/** Does its primary make or send it a copy of the dataset? */
export function isCopying(listed: Listed | undefined): boolean {
  return listed !== undefined && listed.state !== 'online'
}

/** Bytes of the primary's history that the replica has not applied; undefined where either could not be asked. */
export function bytesBehind({ replica, primary, listed }: ReplicationLink): number | undefined {
  const written = primary === undefined ? undefined : infoNumber(primary, 'master_repl_offset')
  const applied = infoNumber(replica, 'slave_repl_offset') ?? listed?.offset
  return written === undefined || applied === undefined ? undefined : Math.max(0, written - applied)
}

/** Why a replica has no link, by its own log. */
export type LinkTrouble = 'login' | 'sync timeout' | 'disk' | 'network' | 'primary refuses'

// In the words of replication.c, Redis 5.0 to 8 (MASTER) and Valkey 8 (PRIMARY): the first that matches a line counts.
const TROUBLES: readonly (readonly [LinkTrouble, RegExp])[] = [
  ['login', /Unable to AUTH to (?:MASTER|PRIMARY)|(?:master|primary).*(?:NOAUTH|WRONGPASS|NOPERM|invalid password)/i],
  ['sync timeout', /Timeout receiving bulk data from (?:MASTER|PRIMARY)/],
  ['disk', /needed for (?:MASTER|PRIMARY) <-> REPLICA synchronization|Failed trying to (?:sync|rename) the temp DB/],
  [
    'network',
    /Timeout connecting to the|timeout: no data nor PING|Error condition on socket for SYNC|Unable to connect to (?:MASTER|PRIMARY)|I\/O error (?:reading|trying|writing|sending)|(?:Master|Primary) did not (?:respond|reply)/,
  ],
  [
    'primary refuses',
    /(?:MASTER|PRIMARY) aborted replication with an error|Error reply to PING from|Unexpected reply to PSYNC|unable to PSYNC/,
  ],
]
const MARGIN_MS = 90_000 // a timeout is logged when it has run out, 60 s after the last byte

/** The last thing that the replica's log says of why the link is down: since it went down, and a little before. */
export function linkTrouble(
  replica: ServerEvidence,
  evidence: Evidence,
): { trouble: LinkTrouble; line: LogEntrySeen } | undefined {
  const downMs = Math.max(0, infoNumber(replica, 'master_link_down_since_seconds') ?? 0) * 1_000
  const from = evidence.takenAt - downMs - MARGIN_MS
  const began = replica.process?.startedMs ?? 0
  for (const line of (replica.log?.entries ?? []).toReversed()) {
    if ((line.at ?? Infinity) < Math.max(from, began - 1_000)) return undefined
    const [trouble] = TROUBLES.find(([, pattern]) => pattern.test(line.text)) ?? []
    if (trouble !== undefined) return { trouble, line }
  }
  return undefined
}

/** What follows where one replica gets no writes: on itself, and for those who count on it. */
export const LOST_REPLICA_BRINGS: readonly Consequence[] = [
  'replica-lag',
  'replica-stale-refused',
  { check: 'not-enough-replicas', on: 'every server' },
  { check: 'sentinel-no-good-replica', on: 'every server' },
  { check: 'cluster-failover-stuck', on: 'every server' },
]

/** What follows where a primary gives its replicas no writes. */
export const LOST_REPLICAS_BRINGS: readonly Consequence[] = [
  ...LOST_REPLICA_BRINGS,
  { check: 'replication-link-down', on: 'every server' },
  { check: 'replica-lag', on: 'every server' },
  { check: 'replica-stale-refused', on: 'every server' },
]
