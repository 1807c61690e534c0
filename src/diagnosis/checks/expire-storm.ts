// Very many keys that expire at the same moment, because they were written at the same moment with the same life. The
// server removes them beside its work until its share of the time is used up, and serves less meanwhile.

import { formatCount } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { expiringKeys } from '../readings/memory-use.ts'
import { percent } from '../readings/processor-load.ts'
import { infoFact, infoNumber, infoRate, settingFact } from '../readings/reading.ts'

const MANY = 1_000 // a second
const STALE_PERCENT = 10 // of the keys looked at: Redis tries to stay below it (active-expire-effort 1)
const COSTLY = 0.05 // of a core

export default {
  asks: 'Do so many keys expire at once that removing them holds up the server?',

  look(server) {
    const perSecond = infoRate(server, 'expired_keys')
    const stale = infoNumber(server, 'expired_stale_perc')
    const capReached = infoRate(server, 'expired_time_cap_reached_count')
    if (perSecond === undefined || stale === undefined || capReached === undefined || perSecond < MANY) return undefined
    const share = (infoRate(server, 'expire_cycle_cpu_milliseconds') ?? 0) / 1_000
    if (capReached === 0 && share < COSTLY && stale < STALE_PERCENT) return undefined
    const { keys, expiring } = expiringKeys(server) ?? { keys: 0, expiring: 0 }
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${formatCount(perSecond)} keys a second expire, and removing them takes ${percent(share)} of a core${capReached > 0 ? '; it had to stop at its time limit and goes on later' : ''}: they were written together with the same life.`,
      first:
        'Let the application spread its times to live by some random seconds; keys that are written together should not end together.',
      evidence: [
        { source: 'INFO stats', name: 'expired_keys', value: `+${formatCount(perSecond)} a second` },
        { source: 'INFO stats', name: 'expired_stale_perc', value: `${stale} %` },
        infoFact(server, 'stats', 'expired_time_cap_reached_count'),
        {
          source: 'INFO stats',
          name: 'expire_cycle_cpu_milliseconds',
          value: `+${Math.round(share * 1_000)} ms a second`,
        },
        { source: 'INFO keyspace', name: 'expires', value: `${expiring} of ${keys} keys` },
        ...(server.config === undefined ? [] : [settingFact(server, 'active-expire-effort')]),
      ],
      ruledOut: [
        { check: 'mass-deletion', by: 'expired_keys counts them: their time was over' },
        ...(infoRate(server, 'evicted_keys') === 0
          ? [{ check: 'eviction-storm', by: 'no key was evicted while we looked' }]
          : []),
        { check: 'clock-jump', by: 'keys expire over time, not all at one moment' },
      ],
      alerts: ['RedisLatencyHigh', 'RedisCpuHigh', 'RedisDataRemoved'],
      brings: ['cpu-saturated'],
      actions: [],
    }
  },
} satisfies ServerCheck
