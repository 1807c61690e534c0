// Too few Sentinels are left to agree on anything.

import type { LabFault } from '../fault.ts'
import { startWatchedStage } from '../sentinels.ts'
import { until } from '../until.ts'

export default {
  says: 'Too few Sentinels are left for a failover.',
  needs: [],
  variants: [
    { name: 'two of three have ended, then the primary', keys: 1_000, replicas: 1 },
    { name: 'two of three are stopped', keys: 5_000, replicas: 1, password: true },
    { name: 'the quorum is more than there are', keys: 3_000, replicas: 2 },
  ],

  async build(variant, random) {
    const stage = await startWatchedStage(variant, random)
    const { sentinels, primary, masterName, hurry } = stage
    const [first = primary, ...others] = sentinels
    return {
      ...stage,
      expects: { also: ['process-down'] },
      async inject() {
        await hurry()
        if (variant.name.startsWith('the quorum'))
          for (const sentinel of sentinels) await sentinel.cli('SENTINEL', 'SET', masterName, 'quorum', '5')
        else {
          const signal = variant.name.endsWith('stopped') ? 'SIGSTOP' : 'SIGKILL'
          for (const sentinel of others) await sentinel.kill(signal)
          if (signal === 'SIGKILL') await primary.kill('SIGKILL')
        }
        await until('there is no quorum', async () =>
          (await first.cli('SENTINEL', 'CKQUORUM', masterName)).startsWith('NOQUORUM'),
        )
      },
    }
  },
} satisfies LabFault
