// A policy that evicts only keys that will expire anyway, and no key of that kind: the server is told to evict, finds
// nothing that it may, and refuses writes as if there were no policy at all.

import { formatBytes, formatCount } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import {
  expiringKeys,
  findsNothingToEvict,
  headroomBytes,
  memoryFacts,
  memoryPartsText,
  memoryUse,
  NEAR_LIMIT,
  shareText,
} from '../readings/memory-use.ts'
import { infoFact } from '../readings/reading.ts'

export default {
  asks: 'May the policy evict only keys that expire, while no key expires?',

  look(server) {
    const use = memoryUse(server)
    const life = expiringKeys(server)
    if (use === undefined || life === undefined || !findsNothingToEvict(server, use)) return undefined
    const { usedBytes, limitBytes, policy, isFull } = use
    const { keys, expiring } = life
    if (usedBytes < NEAR_LIMIT * limitBytes) return undefined
    const room = headroomBytes(server)
    const share = shareText(use)
    const which = `the policy ${policy} evicts only keys that expire, and ${formatCount(expiring)} of ${formatCount(keys)} do`
    return {
      kind: isFull ? 'fault' : 'risk',
      severity: isFull ? 'critical' : 'warning',
      says: isFull
        ? `Memory is full, ${share}: ${which}, so that writes are refused with OOM. ${memoryPartsText(server)}.`
        : `Memory is nearly full, ${share}: ${which}, so that at the limit writes will be refused.`,
      evidence: [
        ...memoryFacts(server),
        { source: 'INFO keyspace', name: 'expires', value: `${expiring} of ${keys} keys` },
        infoFact(server, 'stats', 'evicted_keys'),
      ],
      ruledOut: [
        { check: 'maxmemory-reached', by: `there is a policy that evicts: ${policy}` },
        { check: 'kernel-oom-kill', by: 'the process runs and answers' },
      ],
      alerts: ['MemoryFull', 'RedisMemoryHigh', 'WritesRefused'],
      actions: [
        {
          id: 'set-maxmemory',
          why: `raises the limit at once${room === undefined ? '' : `; ${formatBytes(room)} are left on this machine`}`,
        },
        { id: 'expire-namespace', why: 'gives the keys that may go a life, which is what the policy waits for' },
        {
          id: 'set-eviction-policy',
          why: 'allkeys-lru evicts whatever is not used: only where losing keys is acceptable',
        },
      ],
    }
  },
} satisfies ServerCheck
