// A primary of a Cluster is gone, and its replica stays a replica.

import { startClusterStage, untilSaid } from '../cluster-stage.ts'
import type { LabFault } from '../fault.ts'
import { until } from '../until.ts'

export default {
  says: 'A primary of a Cluster is down, and its replica does not take over.',
  needs: [],
  variants: [
    { name: 'it is told not to', keys: 0, replicas: 1, conf: ['cluster-replica-no-failover yes'] },
    {
      name: 'its data is too old',
      keys: 0,
      replicas: 1,
      password: true,
      conf: ['cluster-replica-validity-factor 1', 'repl-ping-replica-period 1'],
    },
    { name: 'two replicas that are told not to', keys: 0, replicas: 2, conf: ['cluster-replica-no-failover yes'] },
  ],

  async build(variant) {
    const stage = await startClusterStage(variant)
    const { primaries, replicas, nodes } = stage
    const [primary] = primaries.slice(1)
    const [replica] = replicas.slice(1)
    if (primary === undefined || replica === undefined) throw new Error('the Cluster has replicas')
    const others = nodes.filter((node) => node !== primary)
    return {
      ...stage,
      expects: { server: primary.id, also: ['process-down'] },
      async inject() {
        await stage.hurry()
        if (variant.name.endsWith('too old')) {
          await replica.cli('CONFIG', 'SET', 'masterauth', 'changed')
          await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
          await until('the link has been down for four seconds', async () =>
            /master_link_down_since_seconds:([4-9]|\d\d)/.test(await replica.cli('INFO', 'replication')),
          )
        }
        await primary.kill('SIGKILL')
        await untilSaid(others, /cluster_slots_fail:5\d\d\d/)
        if (variant.name.endsWith('too old'))
          await until('the replica says that it may not', () => replica.log().includes('Currently unable to failover'))
      },
      heal: async () => primary.restart(),
    }
  },
} satisfies LabFault
