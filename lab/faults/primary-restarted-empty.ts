// A primary that keeps nothing on disk dies, and whoever started it starts it again.

import type { LabFault } from '../fault.ts'
import { infoField, write } from '../saving.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A primary without persistence is started again; its replicas empty themselves to follow it.',
  needs: [],
  variants: [
    { name: 'with a replica', keys: 1_000, replicas: 1 },
    { name: 'with a password and two replicas', keys: 20_000, password: true, replicas: 2 },
    { name: 'while a replica is cut off', keys: 5_000, replicas: 1, set: { cut: 1 } },
    { name: 'alone', keys: 3_000 },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random, { conf: ['save ""', 'rdb-del-sync-files yes'] })
    const { primary, replicas } = stage
    const isCut = variant.set?.['cut'] === 1
    return {
      ...stage,
      expects: { server: primary.id, also: isCut ? ['replica-auth-failed', 'replication-link-down'] : [] },
      async inject() {
        await write(primary, 100)
        // A password that the primary does not know keeps a replica from following: it still has the data.
        if (isCut) for (const replica of replicas) await replica.cli('CONFIG', 'SET', 'masterauth', 'of before')
        await primary.kill('SIGKILL')
        await primary.restart()
        for (const replica of replicas)
          await until(isCut ? 'the replica is refused' : 'the replica has followed', async () => {
            if (isCut) return /Unable to AUTH to MASTER/.test(replica.log())
            const link = await infoField(replica, 'replication', 'master_link_status')
            return link === 'up' && !(await replica.cli('INFO', 'keyspace')).includes('keys=')
          })
      },
    }
  },
} satisfies LabFault
