// CONFIG SET appendonly yes, and no CONFIG REWRITE after it.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { infoField, write } from '../saving.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'The append-only file is switched on, and the configuration file is not told.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id, kind: 'risk' },
      async inject() {
        await write(primary, 100)
        await primary.cli('CONFIG', 'SET', 'appendonly', 'yes')
        await until('the append-only file is whole', async () => {
          const rewriting = await infoField(primary, 'persistence', 'aof_rewrite_in_progress')
          return rewriting === '0' && (await infoField(primary, 'persistence', 'aof_rewrites')) === '1'
        })
      },
      heal: async () => void (await primary.cli('CONFIG', 'REWRITE')),
    }
  },
} satisfies LabFault
