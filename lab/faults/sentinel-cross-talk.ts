// Two deployments whose Sentinels give their primary the same name, and one Sentinel that went over.

import type { LabFault } from '../fault.ts'
import { startWatchedStage } from '../sentinels.ts'
import { startServer } from '../servers.ts'
import { until } from '../until.ts'

export default {
  says: 'A Sentinel of one deployment watches the primary of another one under the same name.',
  needs: [],
  variants: [
    { name: 'one of three', keys: 1_000, replicas: 1 },
    { name: 'with a password', keys: 5_000, replicas: 1, password: true },
    { name: 'two of three', keys: 3_000, replicas: 2 },
  ],

  async build(variant, random) {
    const stage = await startWatchedStage(variant, random)
    const { sentinels, masterName, primary } = stage
    const { password } = primary.access
    const other = await startServer({ name: 'primary', ...(password === undefined ? {} : { password }) })
    await other.cli('SET', 'invoice:1', 'of somebody else')
    await other.cli('SAVE')
    const leaving = variant.name === 'two of three' ? sentinels.slice(1) : sentinels.slice(2)
    return {
      ...stage,
      expects: leaving.length === 1 ? { server: other.id } : {}, // which of the two is the foreign one depends on where one stands
      async inject() {
        for (const sentinel of leaving) {
          await sentinel.cli('SENTINEL', 'REMOVE', masterName)
          await sentinel.cli('SENTINEL', 'MONITOR', masterName, '127.0.0.1', String(other.port), '2')
          await sentinel.cli('SENTINEL', 'SET', masterName, 'down-after-milliseconds', '600000')
          if (password !== undefined) await sentinel.cli('SENTINEL', 'SET', masterName, 'auth-pass', password)
          await until('it watches the other primary', async () =>
            (await sentinel.cli('SENTINEL', 'MASTER', masterName)).includes(`\n${other.port}\n`),
          )
        }
      },
      async stop() {
        await stage.stop()
        await other.stop()
      },
    }
  },
} satisfies LabFault
