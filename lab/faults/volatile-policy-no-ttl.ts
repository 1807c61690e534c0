// The policy may evict only keys that expire, and none does.

import type { LabFault } from '../fault.ts'
import { buildFullMemory } from '../full-memory.ts'

export default {
  says: 'The limit is reached, the policy evicts only keys that expire, and no key expires.',
  needs: [],
  variants: [
    { name: 'alone, volatile-lru', keys: 1_000, set: { policy: 'volatile-lru' } },
    { name: 'with a password, volatile-ttl', keys: 10_000, password: true, set: { policy: 'volatile-ttl' } },
    { name: 'with a replica, volatile-lfu', keys: 5_000, replicas: 1, set: { policy: 'volatile-lfu' } },
  ],

  build: (variant, random) => buildFullMemory(String(variant.set?.['policy']), variant, random),
} satisfies LabFault
