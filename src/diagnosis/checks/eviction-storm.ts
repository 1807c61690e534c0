// Keys that are evicted while we look. In a cache that is what the policy is for, unless something takes the memory from
// the keys: a limit that somebody lowered, buffers of clients, writes that come faster than evicting can make room. In a
// store every evicted key is lost data.

import { formatBytes, formatCount } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { expiringKeys, memoryFacts, memoryUse } from '../readings/memory-use.ts'
import {
  infoFact,
  infoNumber,
  infoNumberBefore,
  infoRate,
  lastLogged,
  logFact,
  type LogEntrySeen,
} from '../readings/reading.ts'

const LOWERED = /the new maxmemory value set via CONFIG SET .* is smaller than the current memory usage/
const LATELY_MS = 10 * 60_000
const MANY = 100 // a second; a cache that turns over slowly is none of ours
const BUFFERS = 0.1 // of the limit

export default {
  asks: 'Are keys evicted that ought to stay?',

  look(server, evidence) {
    const use = memoryUse(server)
    const perSecond = infoRate(server, 'evicted_keys')
    if (use === undefined || perSecond === undefined || perSecond === 0) return undefined
    const isStore = evidence.deployment.dataClass === 'store'
    const lowered = lastLogged(server, evidence, LOWERED, { withinMs: LATELY_MS, sinceStart: true })
    const why = causeOf(server, use.limitBytes, lowered)
    if (!isStore && (why === undefined || perSecond < MANY)) return undefined
    const { keys, expiring } = expiringKeys(server) ?? { keys: 0, expiring: 0 }
    const share = `${formatBytes(use.usedBytes)} of maxmemory ${formatBytes(use.limitBytes)} are used`
    const loss = isStore ? ' In a store each of them is lost data.' : ''
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${formatCount(perSecond)} keys a second are evicted (policy ${use.policy}): ${share}${why === undefined ? '' : `, and ${why}`}.${loss}`,
      evidence: [
        { source: 'INFO stats', name: 'evicted_keys', value: `+${formatCount(perSecond)} a second` },
        ...memoryFacts(server),
        infoFact(server, 'stats', 'total_eviction_exceeded_time'),
        ...(lowered === undefined ? [] : [logFact(lowered)]),
      ],
      ruledOut: [
        { check: 'mass-deletion', by: 'evicted_keys counts them: the server itself removes them' },
        {
          check: 'expire-storm',
          by: `${formatCount(expiring)} of ${formatCount(keys)} keys have a life, and these went before`,
        },
        ...(use.refusedPerSecond === 0
          ? [{ check: 'maxmemory-reached', by: 'no write was refused while we looked' }]
          : []),
      ],
      alerts: ['RedisEvictions', 'MemoryFull', 'RedisMemoryHigh', 'RedisDataRemoved'],
      actions: [
        {
          id: 'set-maxmemory',
          why:
            lowered === undefined
              ? 'more room ends it, where the host has some'
              : 'back to what it was before it was lowered',
        },
        ...(isStore
          ? ([{ id: 'back-up-now', why: 'keys are lost with every second; what is there now can be kept' }] as const)
          : []),
      ],
    }
  },
} satisfies ServerCheck

/** What takes the memory from the keys, where that can be seen. */
function causeOf(server: ServerEvidence, limitBytes: number, lowered: LogEntrySeen | undefined): string | undefined {
  const buffers = infoNumber(server, 'mem_clients_normal') ?? 0
  if (buffers > BUFFERS * limitBytes) return `buffers of clients hold ${formatBytes(buffers)} of it`
  if (lowered !== undefined) return 'maxmemory was lowered below what was in use'
  const exceeded = [infoNumberBefore, infoNumber].map((read) => read(server, 'current_eviction_exceeded_time') ?? 0)
  if (exceeded.every((ms) => ms > 0)) return 'writes come faster than evicting makes room'
  return undefined
}
