// A replica on which somebody has switched writes on.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A replica takes writes of its own, which no other server gets.',
  needs: [],
  variants: [
    { name: 'written to', keys: 1_000, replicas: 1 },
    { name: 'only allowed', keys: 10_000, replicas: 1, password: true },
    { name: 'one of two', keys: 3_000, replicas: 2 },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const [replica = stage.primary] = stage.replicas
    return {
      ...stage,
      expects: { server: replica.id, kind: 'risk' },
      async inject() {
        await replica.cli('CONFIG', 'SET', 'replica-read-only', 'no')
        if (variant.name !== 'only allowed')
          await until('it took a write', async () => (await replica.cli('SET', 'stray', '1')) === 'OK')
      },
      heal: async () => void (await replica.cli('CONFIG', 'SET', 'replica-read-only', 'yes')),
    }
  },
} satisfies LabFault
