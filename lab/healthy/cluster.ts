// A Cluster as it should be, with and without replicas.

import { startCluster } from '../cluster.ts'
import type { LabFault } from '../fault.ts'
import { SAVES } from '../healthy.ts'

const VARIANTS = [
  { name: 'three primaries', keys: 300, set: { primaries: 3, replicas: 0 } },
  { name: 'with replicas', keys: 300, set: { primaries: 3, replicas: 1 } },
  { name: 'four primaries', keys: 300, set: { primaries: 4, replicas: 0 } },
]

export default {
  says: 'A Cluster serves all of its slots.',
  needs: [],
  variants: VARIANTS,

  async build({ set }) {
    const { nodes, stop } = await startCluster(Number(set?.['primaries']), Number(set?.['replicas']), { conf: SAVES })
    const [first] = nodes
    if (first === undefined) throw new Error('a Cluster has nodes')
    await Promise.all(nodes.map((node) => node.cli('SAVE')))
    return {
      url: first.url,
      access: first.access,
      expects: { verdict: 'healthy' },
      inject: () => Promise.resolve(),
      stop,
    }
  },
} satisfies LabFault
