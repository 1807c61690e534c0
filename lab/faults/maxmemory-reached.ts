// The data grows until it reaches the limit, and the policy is to refuse.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'The memory limit is reached and the policy is noeviction: writes are refused.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const conf = ['maxmemory 40mb', 'maxmemory-policy noeviction']
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
