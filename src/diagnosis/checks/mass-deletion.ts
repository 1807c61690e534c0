// Keys that were there a moment ago are gone, and neither time nor memory took them: somebody removed them, by FLUSHALL or
// by many deletions. The server is well; the data is not, and the next snapshot overwrites the last copy of it.

import { formatCount, formatDuration } from '../../lib/units.ts'
import type { Fact, ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoNumber, infoPart, isPrimary, keyCount, keysSampled, samplesOf } from '../readings/reading.ts'

const AT_LEAST = 1_000 // keys; fewer go every day
const SHARE = 0.5 // of all keys; where somebody sent FLUSHALL and the like, a fifth of that
const WIPERS = ['flushall', 'flushdb', 'swapdb']
const REMOVERS = ['del', 'unlink']

export default {
  asks: 'Did somebody remove a large part of the data?',

  look(server, evidence) {
    const now = keyCount(server)
    if (now === undefined || !isPrimary(server)) return undefined
    const cliff = cliffOf(server, evidence, now)
    if (cliff === undefined) return undefined
    const { from, to, at, unexplained } = cliff
    const culprits = culpritsOf(server, at)
    const isCache = evidence.deployment.dataClass === 'cache'
    return {
      kind: isCache ? 'advice' : 'fault',
      severity: isCache ? 'info' : 'critical',
      says: `${formatCount(unexplained)} of ${formatCount(from)} keys were removed about ${formatDuration(Math.max(0, evidence.takenAt - at))} ago, and not because they had expired or were evicted; ${formatCount(now)} are left. ${isCache ? '' : 'The next snapshot or rewrite overwrites the last copy on disk.'}`.trim(),
      evidence: [
        { source: 'samples', name: 'keys', value: `${formatCount(from)}, then ${formatCount(to)}` },
        ...culprits,
        {
          source: 'INFO stats',
          name: 'expired_keys and evicted_keys',
          value: `${formatCount(from - to - unexplained)} in that time`,
        },
      ],
      ruledOut: [
        { check: 'primary-restarted-empty', by: 'it has run on all the while' },
        { check: 'expire-storm', by: 'expired keys do not account for it' },
        { check: 'eviction-storm', by: 'evicted keys do not account for it' },
        { check: 'wrong-database', by: 'the keys of all databases are counted' },
      ],
      alerts: ['RedisDataRemoved'],
      actions: isCache
        ? []
        : [
            {
              id: 'pause-persistence',
              why: 'first of all: it keeps dump.rdb and the append-only file as they are, until they are copied aside',
            },
          ],
    }
  },
} satisfies ServerCheck

interface Cliff {
  readonly from: number // keys before
  readonly to: number
  readonly at: number // epoch ms at which the fewer were seen first
  readonly unexplained: number
}

/** The largest fall between two samples that follow each other, without what expired and what was evicted meanwhile. */
function cliffOf(server: ServerEvidence, evidence: Evidence, now: number): Cliff | undefined {
  const uptimeMs = (infoNumber(server, 'uptime_in_seconds') ?? 0) * 1_000
  const startedMs = evidence.takenAt - uptimeMs
  const keys = keysSampled(evidence, server.id, 'all').filter(([at]) => at > startedMs)
  const points = [...keys, [evidence.takenAt, now] as const]
  const share = WIPERS.some((name) => infoPart(server, `cmdstat_${name}`, 'calls') !== undefined) ? SHARE / 5 : SHARE
  let worst: Cliff | undefined
  for (const [index, [at, to]] of points.entries()) {
    const [fromAt, from] = points[index - 1] ?? [at, to]
    const taken = gone(server, evidence, fromAt, at)
    const unexplained = from - to - taken
    const isMuch = unexplained >= Math.max(AT_LEAST, share * from)
    if (isMuch && unexplained > (worst?.unexplained ?? 0)) worst = { from, to, at, unexplained }
  }
  // Whoever wrote it all again meant to.
  return worst === undefined || now > worst.from - worst.unexplained / 2 ? undefined : worst
}

/** How many keys time and memory took between the two moments. */
function gone(server: ServerEvidence, evidence: Evidence, from: number, to: number): number {
  return (['expired_keys', 'evicted_keys'] as const).reduce((sum, field) => {
    const samples = samplesOf(evidence, `redis_${field}_total`, server.id)
    const before = samples.findLast(([at]) => at <= from)?.[1]
    const after = to >= evidence.takenAt ? infoNumber(server, field) : samples.find(([at]) => at >= to)?.[1]
    return sum + (before === undefined || after === undefined ? 0 : Math.max(0, after - before))
  }, 0)
}

/** Commands that may have done it, and who was seen to send one. */
function culpritsOf(server: ServerEvidence, at: number): Fact[] {
  const wiped = WIPERS.filter((name) => (infoPart(server, `cmdstat_${name}`, 'calls') ?? 0) > 0)
  const commands = wiped.length > 0 ? wiped : REMOVERS
  const counted = commands.flatMap((name): Fact[] => {
    const calls = infoPart(server, `cmdstat_${name}`, 'calls')
    return calls === undefined || calls === 0
      ? []
      : [{ source: 'INFO commandstats', name: `cmdstat_${name}`, value: `${formatCount(calls)} calls since the start` }]
  })
  const slow = (server.slowlog ?? []).find(
    (entry) => commands.includes((entry.command[0] ?? '').toLowerCase()) && entry.at >= at - 60_000,
  )
  const client = (server.clients ?? []).find(({ cmd = '' }) => commands.includes(cmd))
  return [
    ...counted,
    ...(slow === undefined ? [] : [{ source: 'SLOWLOG', name: slow.command.join(' '), value: `from ${slow.client}` }]),
    ...(client === undefined
      ? []
      : [
          {
            source: 'CLIENT LIST',
            name: `last command ${client['cmd']}`,
            value: `${client['addr']} ${client['name'] ?? ''}`.trim(),
          },
        ]),
  ]
}
