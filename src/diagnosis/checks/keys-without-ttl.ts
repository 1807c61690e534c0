// Keys that never expire become more and more, steadily: one day the memory is full. One look cannot see that; it takes the
// samples of a daemon that has watched for a while.

import { formatBytes, formatCount, formatDuration } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { prefixShares } from '../readings/keyspace-sample.ts'
import { trendOf } from '../readings/trend.ts'
import { infoNumber, isPrimary, keysSampled, samplesOf } from '../readings/reading.ts'

const SOON_MS = 7 * 24 * 3_600_000
const GROWS = 0.02 // of all such keys, while it was watched: less is nothing that one needs to know

export default {
  asks: 'Do keys that never expire become more and more, until the memory is full?',

  look(server, evidence) {
    if (!isPrimary(server)) return undefined
    const keys = trendOf(keysSampled(evidence, server.id, 'without expiry'))
    const memory = trendOf(samplesOf(evidence, 'redis_memory_used_bytes', server.id))
    if (keys === undefined || !keys.isSteady || keys.perSecond * (keys.overMs / 1_000) < GROWS * keys.last)
      return undefined
    const used = infoNumber(server, 'used_memory') ?? memory?.last
    const limit = infoNumber(server, 'maxmemory') || server.process?.memoryLimitBytes || server.kernel?.memoryTotalBytes
    if (memory === undefined || memory.perSecond <= 0 || used === undefined || limit === undefined) return undefined
    const fullInMs = (Math.max(0, limit - used) / memory.perSecond) * 1_000
    const isSoon = fullInMs < SOON_MS
    const [first] = prefixShares(server).filter(({ forEver: share }) => share > 0.9)
    const whose = first === undefined ? '' : ` Of a sample, most of them are ${first.prefix}.`
    return {
      kind: 'risk',
      severity: isSoon ? 'warning' : 'info',
      says: `${formatCount(keys.last)} keys never expire, and in ${formatDuration(keys.overMs)} they have become ${formatCount(keys.perSecond * 60)} more each minute: at this rate memory is full in ${formatDuration(fullInMs)}, at ${formatBytes(limit)}.${whose}`,
      evidence: [
        { source: 'samples', name: 'keys without expiry', value: `+${formatCount(keys.perSecond * 3_600)} an hour` },
        {
          source: 'samples',
          name: 'redis_memory_used_bytes',
          value: `+${formatBytes(memory.perSecond * 3_600)} an hour`,
        },
        { source: 'INFO memory', name: 'used_memory', value: formatBytes(used) },
      ],
      ruledOut: [{ check: 'client-buffer-bloat', by: 'it is the number of keys that grows' }],
      alerts: ['RedisMemoryHigh', 'MemoryFull', 'RedisNoMemoryLimit'],
      brings: [],
      actions: [{ id: 'expire-namespace', why: 'gives the keys that nobody needs for ever a life' }],
    }
  },
} satisfies ServerCheck
