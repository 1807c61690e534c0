// Data, and nothing that ever writes it anywhere.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { write } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'Nothing is ever written to disk, and there is no other copy of the data.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage({ ...variant, keys: 0 }, random, { conf: ['save ""', 'rdb-del-sync-files yes'] })
    return {
      ...stage,
      expects: { server: stage.primary.id, kind: 'risk' },
      inject: () => write(stage.primary, variant.keys),
    }
  },
} satisfies LabFault
