// The file in which a node keeps the Cluster is damaged, lost, or somebody else's.

import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startClusterStage, untilSaid } from '../cluster-stage.ts'
import { failsToStart } from '../damage.ts'
import type { LabFault } from '../fault.ts'

export default {
  says: 'A node of a Cluster has lost the file in which it keeps who it is.',
  needs: [],
  variants: [
    { name: 'it is damaged', keys: 0 },
    { name: 'it is gone', keys: 0 },
    { name: 'half of it, with a password', keys: 0, password: true, replicas: 1 },
  ],

  async build(variant) {
    const stage = await startClusterStage(variant)
    const [, node] = stage.primaries
    if (node === undefined) throw new Error('a Cluster has primaries')
    const others = stage.nodes.filter((other) => other !== node)
    return {
      ...stage,
      expects: variant.name === 'it is gone' ? {} : { server: node.id }, // the others no longer name the one that it was
      async inject() {
        await stage.hurry()
        await node.kill('SIGKILL')
        const file = join(node.dir, 'nodes.conf')
        if (variant.name === 'it is gone') {
          await untilSaid(others, 'master,fail ')
          rmSync(file)
          await node.restart()
          return untilSaid(others, 'noaddr')
        }
        if (variant.name === 'it is damaged') writeFileSync(file, 'order:1 order:2\n')
        else truncateSync(file, 60)
        await failsToStart(node)
        await untilSaid(others, 'master,fail ')
      },
    }
  },
} satisfies LabFault
