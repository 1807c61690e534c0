// A replica that is cut off by its primary while it takes the whole dataset, and begins again: what is written during one
// copy is more than the primary keeps for a replica. Each turn costs a fork, memory and the network, and ends with nothing.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import type { Fact, ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoNumber, infoRate, infoText, logFact, setting, wholeText, type LogEntrySeen } from '../readings/reading.ts'
import { LOST_REPLICAS_BRINGS, isCopying, linkOf, listedBy } from '../readings/replication-links.ts'

const WINDOW_MS = 10 * 60_000
const CUT = /flags=S.*closed(?: ASAP)? for overcoming of output buffer limits/s
const FULL = /Full resync requested by replica|Partial resynchronization not accepted|for lack of backlog/ // one of these for each copy
const REPEATED = 2
const FULL_COPIES = 4 // in ten minutes, of one replica, without a word of why: nobody restarts a replica that often

export default {
  asks: 'Do replicas of this server begin with a full copy again and again?',

  look(server, evidence) {
    if (server.role === 'sentinel') return undefined
    const recent = recentOf(server, evidence)
    const cuts = recent.filter((entry) => CUT.test(wholeText(entry)))
    const copies = recent.filter(({ text }) => FULL.test(text))
    const without = followersWithoutData(server, evidence)
    const begun = begunMeanwhile(server)
    const now = without.length > 0 || begun > 0
    const followers = Math.max(1, listedBy(server).length, without.length)
    const isCut = cuts.length >= REPEATED && copies.length >= REPEATED
    if (!now || !(isCut || begun > followers || copies.length > FULL_COPIES * followers)) return undefined
    const last = cuts.at(-1) ?? copies.at(-1)
    const limit = setting(server, 'client-output-buffer-limit')?.match(/(?:slave|replica) (\d+) (\d+) (\d+)/)
    return {
      kind: 'fault',
      severity: 'warning',
      says: isCut
        ? `A replica of ${server.id} begins with a full copy again and again: ${cuts.length} times in ${spanOf(cuts)} the primary cut it off, because more was written during the copy than it keeps for a replica.`
        : copies.length > 0
          ? `Replicas of ${server.id} began with a full copy ${copies.length} times in ${spanOf(copies)}, since the backlog no longer had what they missed.`
          : `Replicas of ${server.id} began with a full copy ${begun} times while we looked. Why, its log would say.`,
      evidence: [
        ...(last === undefined ? [] : [logFact(last)]),
        count(server, 'sync_full'),
        count(server, 'sync_partial_err'),
        written(server),
        ...(limit === null || limit === undefined ? [] : [limitFact(limit)]),
        {
          source: 'CONFIG GET',
          name: 'repl-backlog-size',
          value: formatBytes(infoNumber(server, 'repl_backlog_size') ?? 0),
        },
      ],
      ruledOut: [
        {
          check: 'replication-link-down',
          by: isCut ? 'the primary closed the connection itself' : 'the replica comes back each time',
        },
        { check: 'replica-auth-failed', by: 'the primary accepts the replica and begins a copy' },
      ],
      alerts: ['RedisFullResyncLoop', 'RedisDisconnectedSlaves', 'ReplicationLag', 'RedisLatencyHigh'],
      brings: [
        ...LOST_REPLICAS_BRINGS,
        'backlog-too-small',
        'wrong-password', // a replica's PING comes before its login, and is counted as NOAUTH
        'resync-stampede',
        'rdb-save-stuck',
        'replica-memory-over',
        'client-buffer-bloat',
        { check: 'sync-timeout', on: 'every server' },
      ],
      actions: [
        {
          id: 'limit-client-buffers',
          why: 'for replicas, so much that one copy fits; mind the memory that it may take',
        },
        { id: 'set-backlog-size', why: 'what is written during one copy has to fit' },
      ],
    }
  },
} satisfies ServerCheck

function recentOf({ log }: ServerEvidence, { takenAt }: Evidence): readonly LogEntrySeen[] {
  return (log?.entries ?? []).filter(({ at }) => at !== undefined && at >= takenAt - WINDOW_MS)
}

/** Full copies that began between two looks, a second apart: more than one for each replica is a loop beyond doubt. */
function begunMeanwhile({ info }: ServerEvidence): number {
  return Math.max(0, Number(info?.fields['sync_full'] ?? 0) - Number(info?.before['sync_full'] ?? 0))
}

/** Those who follow this server and have no link to it now, or are in the middle of a copy. */
function followersWithoutData(server: ServerEvidence, evidence: Evidence): string[] {
  const copying = listedBy(server).filter(isCopying)
  const down = evidence.servers.filter((other) => {
    const isDown = infoText(other, 'master_link_status') === 'down'
    return isDown && linkOf(other, evidence)?.primary === server
  })
  return [...new Set([...copying, ...down].map(({ id }) => id))]
}

function spanOf(entries: readonly LogEntrySeen[]): string {
  return formatDuration((entries.at(-1)?.at ?? 0) - (entries[0]?.at ?? 0))
}

function count(server: ServerEvidence, name: string): Fact {
  const [was, is] = [server.info?.before[name], server.info?.fields[name]]
  return { source: 'INFO stats', name, value: was === is ? `${is}` : `${was}, then ${is}` }
}

function written(server: ServerEvidence): Fact {
  const rate = Math.round(infoRate(server, 'master_repl_offset') ?? 0)
  return { source: 'INFO replication, twice', name: 'written', value: `${formatBytes(rate)}/s` }
}

function limitFact([, hard = '0', soft = '0', seconds = '0']: RegExpMatchArray): Fact {
  const value = `${formatBytes(Number(hard))} at once, ${formatBytes(Number(soft))} for ${seconds} s`
  return { source: 'CONFIG GET', name: 'client-output-buffer-limit of replicas', value }
}
