// A snapshot larger than the room that is left.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { snapshotEnds } from '../saving.ts'
import { startStageOnDisk } from '../stage-on-disk.ts'

export default {
  says: 'The disk is full when the next snapshot is written.',
  needs: ['root'],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const conf = ['rdbcompression no', 'rdb-del-sync-files no']
    const stage = await startStageOnDisk(variant, random, conf)
    const { primary, disk } = stage
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
    }
  },
} satisfies LabFault
