// Snapshots in a folder that is memory.

import { mountSmallDisk } from '../disk.ts'
import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { snapshotEnds } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'What is saved lies in memory, and goes with the machine.',
  needs: ['root'],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const disk = mountSmallDisk(64 << 20)
    const stage = await startStage(variant, random)
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id, kind: 'risk' },
      async inject() {
        await primary.cli('CONFIG', 'SET', 'dir', disk.dir)
        await snapshotEnds(primary, 'ok')
      },
      async stop() {
        await stage.stop()
        disk.release()
      },
    }
  },
} satisfies LabFault
