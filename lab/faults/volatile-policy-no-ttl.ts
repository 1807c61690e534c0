// The policy may evict only keys that expire, and none does.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'The limit is reached, the policy evicts only keys that expire, and no key expires.',
  needs: [],
  variants: [
    { name: 'alone, volatile-lru', keys: 1_000, set: { policy: 'volatile-lru' } },
    { name: 'with a password, volatile-ttl', keys: 10_000, password: true, set: { policy: 'volatile-ttl' } },
    { name: 'with a replica, volatile-lfu', keys: 5_000, replicas: 1, set: { policy: 'volatile-lfu' } },
  ],

  async build(variant, random) {
    const conf = ['maxmemory 40mb', `maxmemory-policy ${variant.set?.['policy'] ?? 'volatile-lru'}`]
    const stage = await startStage(variant, random, { conf })
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.cli('DEBUG', 'POPULATE', '30000', 'basket', String(random.between(1_200, 1_600)))
        await until('a write is refused', async () => (await primary.cli('SET', 'basket:next', 'x')).includes('OOM'))
      },
      heal: async () => void (await primary.cli('CONFIG', 'SET', 'maxmemory', '200mb')),
    }
  },
} satisfies LabFault
