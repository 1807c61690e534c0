// The folder of a Sentinel's configuration belongs to somebody else.

import { chmodSync, chownSync } from 'node:fs'
import type { LabFault } from '../fault.ts'
import { ownUser } from '../own-user.ts'
import { startWatchedStage } from '../sentinels.ts'
import { until } from '../until.ts'

export default {
  says: 'A Sentinel cannot write its configuration file, since its folder belongs to another user.',
  needs: ['root'],
  variants: [
    { name: 'one of three', keys: 1_000, replicas: 1 },
    { name: 'with a password', keys: 5_000, replicas: 1, password: true },
    { name: 'all of three', keys: 3_000, replicas: 2 },
  ],

  async build(variant, random) {
    const uid = ownUser()
    const stage = await startWatchedStage(variant, random, { sentinels: { uid } })
    const victims = variant.name === 'all of three' ? stage.sentinels : stage.sentinels.slice(0, 1)
    return {
      ...stage,
      expects: {},
      async inject() {
        for (const sentinel of victims) {
          chownSync(sentinel.dir, 0, 0)
          chmodSync(sentinel.dir, 0o755)
          await sentinel.cli('SENTINEL', 'SET', stage.masterName, 'parallel-syncs', '2')
          await until('it could not save', () => sentinel.log().includes('not able to save the new configuration'))
        }
      },
      heal: async () => victims.forEach(({ dir }) => chownSync(dir, uid, uid)),
    }
  },
} satisfies LabFault
