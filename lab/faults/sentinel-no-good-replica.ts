// The primary is gone, and there is no replica that Sentinels would promote.

import type { LabFault } from '../fault.ts'
import { startWatchedStage } from '../sentinels.ts'
import { until } from '../until.ts'

export default {
  says: 'The primary is gone, and no replica may or can be promoted.',
  needs: [],
  variants: [
    { name: 'its priority is 0', keys: 1_000, replicas: 1, conf: ['replica-priority 0'] },
    {
      name: 'two of priority 0, with a password',
      keys: 5_000,
      replicas: 2,
      password: true,
      conf: ['replica-priority 0'],
    },
    { name: 'its only replica is gone, too', keys: 3_000, replicas: 1 },
  ],

  async build(variant, random) {
    const stage = await startWatchedStage(variant, random)
    const { sentinels, primary, replicas, masterName, hurry } = stage
    return {
      ...stage,
      expects: { also: ['process-down'] },
      async inject() {
        await hurry()
        if (variant.conf === undefined) await Promise.all(replicas.map((replica) => replica.kill('SIGKILL')))
        const [first = primary] = sentinels
        await until('the replicas are known as they are', async () => {
          const text = await first.cli('SENTINEL', 'REPLICAS', masterName)
          return variant.conf === undefined ? /s_down/.test(text) : /slave-priority\n0/.test(text)
        })
        await primary.kill('SIGKILL')
        await until('a failover is given up', () =>
          sentinels.some((sentinel) => sentinel.log().includes('-failover-abort-no-good-slave')),
        )
      },
    }
  },
} satisfies LabFault
