// A server at maxmemory whose policy does not evict refuses every write that needs memory, and goes on answering reads.
// Which of its parts fills it decides what helps: more memory does not help against a client that does not read.

import { formatBytes, formatCount } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { prefixText } from '../readings/keyspace-sample.ts'
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
import { infoFact, infoNumber, infoRate } from '../readings/reading.ts'

export default {
  asks: 'Does the server refuse writes because it has reached maxmemory?',

  look(server) {
    const use = memoryUse(server)
    if (use === undefined) return undefined
    const { usedBytes, limitBytes, policy, isFull, refusedPerSecond } = use
    // A policy that evicts refuses only what it cannot make room for; one that finds nothing to evict has its own check.
    if (policy !== 'noeviction' && (refusedPerSecond === 0 || findsNothingToEvict(server, use))) return undefined
    if (!isFull && usedBytes < NEAR_LIMIT * limitBytes) return undefined
    const headroom = headroomBytes(server)
    const share = shareText(use)
    const life = expiringKeys(server)
    const keys =
      life === undefined ? '' : `; ${formatCount(life.expiring)} of ${formatCount(life.keys)} keys will expire`
    const parts = `${memoryPartsText(server)}${keys}${prefixText(server)}`
    return {
      kind: isFull ? 'fault' : 'risk',
      severity: isFull ? 'critical' : 'warning',
      says: isFull
        ? `Memory is full, ${share}, and the policy is ${policy}, so that writes are refused with OOM: ${parts}.`
        : `Memory is nearly full, ${share}, and the policy is ${policy}: at the limit writes will be refused. Now ${parts}.`,
      evidence: [
        ...memoryFacts(server),
        ...(server.info?.fields['errorstat_OOM'] === undefined
          ? []
          : [infoFact(server, 'errorstats', 'errorstat_OOM')]),
        ...(headroom === undefined
          ? []
          : [{ source: 'the machine', name: 'memory that is left', value: formatBytes(headroom) }]),
      ],
      ruledOut: [
        { check: 'kernel-oom-kill', by: 'the process runs and answers' },
        { check: 'volatile-policy-no-ttl', by: `the policy is ${policy}` },
        ...(infoRate(server, 'evicted_keys') === 0
          ? [{ check: 'eviction-storm', by: 'no key was evicted while we looked' }]
          : []),
        ...(infoNumber(server, 'mem_clients_normal') === undefined
          ? []
          : [
              {
                check: 'client-buffer-bloat',
                by: `all clients together hold ${formatBytes(infoNumber(server, 'mem_clients_normal') ?? 0)}`,
              },
            ]),
      ],
      alerts: ['MemoryFull', 'RedisMemoryHigh', 'WritesRefused'],
      actions: [
        {
          id: 'set-maxmemory',
          why:
            headroom === undefined
              ? 'raises the limit at once, where the host has room'
              : `raises the limit at once; ${formatBytes(headroom)} are left on this machine`,
        },
        { id: 'expire-namespace', why: 'gives the keys of a namespace that nobody needs for ever a life' },
        { id: 'delete-namespace', why: 'makes room at once, for data that can be made again' },
      ],
    }
  },
} satisfies ServerCheck
