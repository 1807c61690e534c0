// The same full disk under a server that promised to have every write on it before it answers.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { startStageOnDisk } from '../stage-on-disk.ts'
import { until } from '../until.ts'

export default {
  says: 'With appendfsync always, the disk is full when a write is to be kept: the server ends itself.',
  needs: ['root'],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const conf = ['save ""', 'appendonly yes', 'appendfsync always', 'auto-aof-rewrite-percentage 0']
    const stage = await startStageOnDisk(variant, random, conf)
    const { primary, disk } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        disk.fill(64 << 10)
        const value = 'x'.repeat(120_000)
        await until('the server ends', async () => {
          if (primary.running) await primary.cli('SET', `upload:${random.between(1, 1e9)}`, value)
          return !primary.running
        })
      },
      async heal() {
        disk.free()
        await primary.restart()
      },
    }
  },
} satisfies LabFault
