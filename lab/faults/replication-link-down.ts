// The network between a replica and its primary is cut, and nothing else: both still answer everybody.

import { apart, cutOff } from '../firewall.ts'
import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const OUTGOING = '127.0.0.2'

export default {
  says: 'A firewall between a replica and its primary swallows or refuses what they send each other.',
  needs: ['root', 'iptables'],
  variants: [
    { name: 'packets vanish', keys: 1_000, replicas: 1 },
    { name: 'connections are reset', keys: 10_000, replicas: 1, password: true, set: { how: 'reject' } },
    { name: 'two replicas', keys: 5_000, replicas: 2 },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random, { conf: apart(OUTGOING) })
    const [first = stage.primary] = stage.replicas
    let mend = (): void => undefined
    return {
      ...stage,
      url: first.url, // a primary that has lost its replica no longer names it
      expects: stage.replicas.length === 1 ? { server: first.id } : {},
      async inject() {
        for (const server of stage.servers) {
          await server.cli('CONFIG', 'SET', 'repl-ping-replica-period', '1')
          await server.cli('CONFIG', 'SET', 'repl-timeout', '2')
        }
        mend = cutOff(OUTGOING, variant.set?.['how'] === 'reject' ? 'reject' : 'drop')
        for (const replica of stage.replicas)
          await until('the link is down, and the replica says why', async () => {
            const isDown = (await replica.cli('INFO', 'replication')).includes('master_link_status:down')
            return isDown && /MASTER timeout|Error condition on socket/.test(replica.log())
          })
      },
      heal: async () => mend(),
    }
  },
} satisfies LabFault
