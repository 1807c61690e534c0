// A replica that may not serve old data, while it takes a full copy.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A replica that is told not to serve old data refuses everything while it takes a full copy.',
  needs: [],
  variants: [
    { name: 'one replica', keys: 2_000, replicas: 1 },
    { name: 'with a password', keys: 10_000, replicas: 1, password: true },
    { name: 'two replicas', keys: 5_000, replicas: 2 },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random, { conf: ['replica-serve-stale-data no'] })
    const { primary, replicas } = stage
    const [first = primary] = replicas
    return {
      ...stage,
      url: first.url,
      expects: replicas.length === 1 ? { server: first.id } : { check: 'resync-stampede', server: primary.id },
      async inject() {
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '10000')
        await primary.cli('DEBUG', 'CHANGE-REPL-ID')
        await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
        await until('the replica refuses', async () => (await first.cli('PING')).startsWith('MASTERDOWN'))
      },
      heal: async () => void (await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0')),
    }
  },
} satisfies LabFault
