// To write a snapshot the server makes a copy of itself, and until the kernel has copied its page tables it serves nobody. How
// long that takes grows with the memory, and on some virtual machines it is ten times what it is elsewhere. The judgement of what is
// slow is that of LATENCY DOCTOR: createLatencyReport of Redis src/latency.c.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoFact, infoNumber, setting } from '../readings/reading.ts'

const LONG_US = 100_000
const POOR_GB_PER_S = 25
const LATELY_MS = 5 * 60_000

export default {
  asks: 'Does the server stand still for long each time that it forks?',

  look(server, evidence) {
    const forkUs = infoNumber(server, 'latest_fork_usec')
    const used = infoNumber(server, 'used_memory')
    if (forkUs === undefined || used === undefined || forkUs < LONG_US) return undefined
    const gbPerSecond = used / 2 ** 30 / (forkUs / 1e6)
    const isNow = forkedLately(server, evidence)
    const isPoor = gbPerSecond < POOR_GB_PER_S
    const again = willForkAgain(server)
    return {
      kind: isNow ? 'fault' : 'risk',
      severity: 'warning',
      says: `The last fork took ${formatDuration(forkUs / 1_000)} for ${formatBytes(used)}${isPoor ? `, which is slow (${gbPerSecond.toFixed(1)} GB a second)` : ''}; for that long nobody was served${again}.`,
      first:
        'Save on a replica instead, turn huge pages off, or give it less data: several smaller servers fork faster than one large one.',
      evidence: [
        { source: 'INFO stats', name: 'latest_fork_usec', value: `${forkUs} µs` },
        { source: 'INFO memory', name: 'used_memory', value: formatBytes(used) },
        infoFact(server, 'stats', 'total_forks'),
        ...(server.latency ?? [])
          .filter(({ event }) => event === 'fork')
          .map(({ at, latestMs, maxMs }) => ({
            source: 'LATENCY LATEST',
            name: 'fork',
            value: `${latestMs} ms at ${new Date(at).toISOString()}, at most ${maxMs} ms`,
          })),
      ],
      ruledOut: [
        { check: 'disk-stall', by: 'a fork waits for memory, not for a disk' },
        { check: 'slow-command', by: 'what stood still was the server, before any command' },
      ],
      alerts: ['RedisLatencyHigh'],
      actions: [],
    }
  },
} satisfies ServerCheck

function forkedLately({ latency = [], info }: ServerEvidence, { takenAt }: Evidence): boolean {
  const event = latency.find((each) => each.event === 'fork')
  if (event !== undefined && takenAt - event.at <= LATELY_MS) return true
  const saved = Number(info?.fields['rdb_last_save_time'] ?? 0) * 1_000
  const isSave = Number(info?.fields['rdb_saves'] ?? 0) > 0 && takenAt - saved <= LATELY_MS
  return isSave || info?.fields['rdb_bgsave_in_progress'] === '1' || info?.fields['aof_rewrite_in_progress'] === '1'
}

function willForkAgain(server: ServerEvidence): string {
  const save = setting(server, 'save')
  if (save === undefined) return ''
  const byItself = [
    ...(save === '' ? [] : ['snapshot']),
    ...(setting(server, 'appendonly') === 'yes' ? ['rewrite'] : []),
  ]
  return byItself.length === 0 ? '' : `, and will be again at each ${byItself.join(' and ')}`
}
