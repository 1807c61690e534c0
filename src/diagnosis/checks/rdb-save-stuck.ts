// A snapshot that is under way and does not move on. While it lasts there is no other one, no rewrite of the append-only
// file, and no full resynchronization of a replica. A slow one moves, and is to be waited for; a stuck one is to be ended.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import type { Answered, Fact, ServerCheck } from '../check.ts'
import type { ChildSeen, ServerEvidence } from '../evidence.ts'
import { infoFact, infoNumber, infoText } from '../readings/reading.ts'
import { datasetBytes } from '../readings/snapshots.ts'

const STUCK_SECONDS = 3 // without any use of a processor; a child that works uses one, or waits on its disk (D)
const IDLE_SHARE = 0.02
const FEEDS_A_REPLICA = /pipe/ // a diskless transfer waits for the replica that reads it

export default {
  asks: 'Does the snapshot that is under way no longer move?',

  look(server) {
    if (infoText(server, 'rdb_bgsave_in_progress') !== '1') return undefined
    const seconds = infoNumber(server, 'rdb_current_bgsave_time_sec') ?? 0
    const child = server.process?.children.find(({ command }) => /^(?:redis|valkey)-/.test(command))
    if (child === undefined) return slow(server, seconds)
    const isStopped = child.state === 'T' || child.state === 't'
    if (!isStopped && !isIdle(server, child, seconds)) return slow(server, seconds)
    return stuck(server, child, isStopped ? 'it is stopped' : waiting(child))
  },
} satisfies ServerCheck

function isIdle({ info }: ServerEvidence, { state, cpuShare, waitsIn = '' }: ChildSeen, seconds: number): boolean {
  if (state !== 'S' || cpuShare === undefined || cpuShare > IDLE_SHARE || FEEDS_A_REPLICA.test(waitsIn)) return false
  const keys = 'current_save_keys_processed'
  return seconds >= STUCK_SECONDS && info !== undefined && info.before[keys] === info.fields[keys]
}

function waiting({ waitsIn }: ChildSeen): string {
  return waitsIn === undefined ? 'it sleeps' : `it sleeps in ${waitsIn}`
}

function stuck(server: ServerEvidence, child: ChildSeen, why: string): Answered {
  const seconds = infoNumber(server, 'rdb_current_bgsave_time_sec') ?? 0
  return {
    kind: 'fault',
    severity: 'warning',
    says: `The snapshot that began ${formatDuration(seconds * 1_000)} ago does not move: its process ${child.pid} does no work, ${why}. Until it ends there is no other snapshot, no rewrite and no full resynchronization.`,
    evidence: [
      { source: `/proc/${child.pid}/stat`, name: 'state', value: `${child.state}, ${shareOf(child)} of a core` },
      ...progress(server),
    ],
    ruledOut: [
      { check: 'disk-stall', by: `the state of the child is ${child.state} and not D` },
      { check: 'rdb-child-killed', by: 'the child is alive' },
    ],
    alerts: ['RedisMissingBackup'],
    brings: ['save-overdue', 'never-saved'],
    actions: [
      { id: 'stop-save-child', why: 'SIGUSR1 ends the child without an error, and the next snapshot begins anew' },
      { id: 'save-now', why: 'when the stuck one has ended' },
    ],
  }
}

function shareOf({ cpuShare }: ChildSeen): string {
  return cpuShare === undefined ? 'an unknown share' : `${Math.round(cpuShare * 100)} %`
}

function progress(server: ServerEvidence): Fact[] {
  return ['rdb_current_bgsave_time_sec', 'current_save_keys_processed', 'current_save_keys_total'].map((field) =>
    infoFact(server, 'persistence', field),
  )
}

const SLOW_SECONDS = 60
const SLOW_BYTES = 1 << 20 // of data a second; a disk that is well takes fifty times as much
const LONG_MS = 600_000

/** It moves, and at this pace takes so long that somebody should know. Worth knowing, and nothing to end. */
function slow(server: ServerEvidence, seconds: number): Answered {
  const done = infoNumber(server, 'current_save_keys_processed') ?? 0
  const total = infoNumber(server, 'current_save_keys_total') ?? 0
  const bytes = datasetBytes(server)
  if (seconds < SLOW_SECONDS || done === 0 || done > total || bytes === undefined) return undefined
  const pace = (bytes * done) / total / seconds
  const leftMs = (((total - done) * seconds) / done) * 1_000
  if (pace >= SLOW_BYTES || leftMs < LONG_MS) return undefined
  return {
    kind: 'advice',
    severity: 'info',
    says: `The snapshot that is under way moves, and slowly: ${Math.round((100 * done) / total)} % in ${formatDuration(seconds * 1_000)}, about ${formatBytes(pace)} of data a second; it needs ${formatDuration(leftMs)} more.`,
    evidence: progress(server),
  }
}
