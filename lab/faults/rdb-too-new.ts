// A snapshot in a version of the format that only a later server knows, as after a downgrade.

import { join } from 'node:path'
import { failsToStart, overwrite } from '../damage.ts'
import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { snapshotEnds, write } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'The snapshot was written by a newer server than the one that is to load it.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random, { ofPrimary: { conf: ['shutdown-timeout 0'] } })
    const { primary } = stage
    await write(primary, 200)
    await snapshotEnds(primary, 'ok')
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.kill('SIGTERM')
        overwrite(join(primary.dir, 'dump.rdb'), 5, Buffer.from(random.pick(['0012', '0080', '0099'])))
        await failsToStart(primary)
      },
    }
  },
} satisfies LabFault
