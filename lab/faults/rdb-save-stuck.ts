// A child that was stopped by a signal, or that is held back at every key: either way it does not move.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { childOf, infoField, write } from '../saving.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A snapshot is under way and does not move.',
  needs: [],
  variants: [...USUAL_VARIANTS, { name: 'asleep', keys: 2_000, set: { how: 'asleep' } }],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const isAsleep = variant.set?.['how'] === 'asleep'
    let child = 0
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await write(primary, 100)
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', isAsleep ? '60000000' : '200000')
        await primary.cli('BGSAVE')
        child = await childOf(primary)
        if (!isAsleep) process.kill(child, 'SIGSTOP')
        await until('it has lasted three seconds', async () => {
          const seconds = Number(await infoField(primary, 'persistence', 'rdb_current_bgsave_time_sec'))
          return seconds >= (isAsleep ? 3 : 1)
        })
      },
      heal: async () => {
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0')
        process.kill(child, 'SIGUSR1')
        process.kill(child, 'SIGCONT')
        child = 0
      },
      async stop() {
        if (child > 0 && primary.running) process.kill(child, 'SIGKILL')
        await stage.stop()
      },
    }
  },
} satisfies LabFault
