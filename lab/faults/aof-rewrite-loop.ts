// A disk that has room for what is appended, and none for a second copy of all of it.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { infoField } from '../saving.ts'
import { startStageOnDisk } from '../stage-on-disk.ts'
import { until } from '../until.ts'

export default {
  says: 'Every rewrite of the append-only file fails, since there is no room for a second copy.',
  needs: ['root'],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const conf = ['save ""', 'appendonly yes', 'rdbcompression no', 'auto-aof-rewrite-percentage 0']
    const stage = await startStageOnDisk(variant, random, conf)
    const { primary, disk } = stage
    const times = random.between(3, 5)
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.cli('DEBUG', 'POPULATE', '3000', 'page', '1500')
        disk.fill(1 << 20)
        for (let failures = 1; failures <= times; failures += 1) {
          await primary.cli('BGREWRITEAOF')
          await until(`${failures} rewrites have failed`, async () => {
            const failed = await infoField(primary, 'persistence', 'aof_rewrites_consecutive_failures')
            return Number(failed) === failures
          })
        }
        await primary.cli('SET', 'order:last', 'x')
      },
      async heal() {
        disk.free()
        await primary.cli('BGREWRITEAOF')
        await until(
          'a rewrite succeeds',
          async () => (await infoField(primary, 'persistence', 'aof_last_bgrewrite_status')) === 'ok',
        )
      },
    }
  },
} satisfies LabFault
