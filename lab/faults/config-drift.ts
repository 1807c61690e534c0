// Somebody changes the running server and does not write it down.

import type { LabFault, Variant } from '../fault.ts'
import { startStage } from '../stage.ts'

const variants: readonly Variant[] = [
  { name: 'memory', keys: 1_000, set: { maxmemory: '512mb', 'maxmemory-policy': 'allkeys-lru' } },
  { name: 'save points, with a password', keys: 20_000, password: true, conf: ['save 900 1'], set: { save: '60 100' } },
  { name: 'a guard, with a replica', keys: 5_000, replicas: 1, set: { requirepass: 'since today', timeout: '300' } },
]

export default {
  says: 'The running server is set otherwise than its configuration file says.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const { requirepass } = variant.set ?? {}
    const access = requirepass === undefined ? stage.access : { password: String(requirepass) }
    return {
      ...stage,
      access,
      expects: { server: primary.id, kind: 'risk' },
      inject: async () =>
        void (await primary.cli(
          'CONFIG',
          'SET',
          ...Object.entries(variant.set ?? {})
            .flat()
            .map(String),
        )),
      heal: async () => void (await primary.cli('CONFIG', 'REWRITE')),
    }
  },
} satisfies LabFault
