// The disk of the append-only file is full, and writes go on.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { infoField } from '../saving.ts'
import { startStageOnDisk } from '../stage-on-disk.ts'
import { until } from '../until.ts'

export default {
  says: 'The disk is full when the append-only file is written.',
  needs: ['root'],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const conf = ['save ""', 'appendonly yes', 'auto-aof-rewrite-percentage 0']
    const stage = await startStageOnDisk(variant, random, conf)
    const { primary, disk } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        disk.fill(64 << 10)
        const value = 'x'.repeat(120_000)
        await until('writing fails', async () => {
          await primary.cli('SET', `upload:${random.between(1, 1e9)}`, value)
          return (await infoField(primary, 'persistence', 'aof_last_write_status')) === 'err'
        })
      },
      async heal() {
        disk.free()
        await until(
          'writing succeeds',
          async () => (await infoField(primary, 'persistence', 'aof_last_write_status')) === 'ok',
        )
      },
    }
  },
} satisfies LabFault
