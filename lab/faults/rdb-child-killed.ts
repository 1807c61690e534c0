// The child that writes the snapshot ends by a signal: 9 as the kernel kills for want of memory, 11 as it crashes.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { childOf, write } from '../saving.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'The child that writes the snapshot is killed.',
  needs: [],
  variants: [...USUAL_VARIANTS, { name: 'by a crash of its own', keys: 1_000, set: { signal: 'SIGSEGV' } }],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await write(primary, 100)
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '200000')
        await primary.cli('BGSAVE')
        process.kill(await childOf(primary), variant.set?.['signal'] === 'SIGSEGV' ? 'SIGSEGV' : 'SIGKILL')
        await until('the snapshot fails', async () =>
          (await primary.cli('INFO', 'persistence')).includes('rdb_last_bgsave_status:err'),
        )
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0')
      },
    }
  },
} satisfies LabFault
