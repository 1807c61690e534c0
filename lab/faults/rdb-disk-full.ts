// A snapshot larger than the room that is left.

import { mountSmallDisk } from '../disk.ts'
import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { snapshotEnds } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'The disk is full when the next snapshot is written.',
  needs: ['root'],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const disk = mountSmallDisk(64 << 20)
    const conf = [`dir ${disk.dir}`, 'rdbcompression no', 'rdb-del-sync-files no']
    const stage = await startStage(variant, random, { ofPrimary: { conf } })
    const { primary } = stage
    await primary.cli('SAVE')
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.cli('DEBUG', 'POPULATE', '3000', 'page', '1500')
        disk.fill(256 << 10)
        await snapshotEnds(primary, 'err')
      },
      async heal() {
        disk.free()
        await snapshotEnds(primary, 'ok')
      },
      async stop() {
        await stage.stop()
        disk.release()
      },
    }
  },
} satisfies LabFault
