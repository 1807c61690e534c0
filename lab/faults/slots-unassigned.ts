// Slots that were taken from their owner and given to nobody.

import { startClusterStage, untilSaid } from '../cluster-stage.ts'
import type { LabFault } from '../fault.ts'

export default {
  says: 'Slots of a Cluster belong to no node.',
  needs: [],
  variants: [
    { name: 'one slot', keys: 0 },
    { name: 'a hundred slots, with a password', keys: 0, password: true },
    { name: 'the others are served', keys: 0, replicas: 1, conf: ['cluster-require-full-coverage no'] },
  ],

  async build(variant, random) {
    const stage = await startClusterStage(variant)
    const first = random.between(100, 5_000)
    const count = variant.name.startsWith('a hundred') ? 100 : 1
    const slots = Array.from({ length: count }, (_none, at) => String(first + at))
    return {
      ...stage,
      expects: {},
      async inject() {
        for (const node of stage.nodes) await node.cli('CLUSTER', 'DELSLOTS', ...slots)
        await untilSaid(stage.nodes, `cluster_slots_assigned:${16_384 - count}`)
      },
      heal: async () => void (await stage.nodes[0]?.cli('CLUSTER', 'ADDSLOTS', ...slots)),
    }
  },
} satisfies LabFault
