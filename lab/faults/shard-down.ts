// A primary of a Cluster that has nobody to take its place.

import { startClusterStage, untilSaid } from '../cluster-stage.ts'
import type { LabFault } from '../fault.ts'

export default {
  says: 'A primary of a Cluster is down, and no replica can take over its slots.',
  needs: [],
  variants: [
    { name: 'a primary without a replica', keys: 0 },
    { name: 'with a password', keys: 0, password: true },
    { name: 'its replica is down, too', keys: 0, replicas: 1 },
  ],

  async build(variant, random) {
    const stage = await startClusterStage(variant)
    const at = random.between(1, 2)
    const { primaries, replicas, nodes } = stage
    const lost = [primaries[at], replicas[at]].filter((node) => node !== undefined)
    const others = nodes.filter((node) => !lost.includes(node))
    return {
      ...stage,
      expects: { server: lost[0]?.id ?? '' },
      async inject() {
        await Promise.all(lost.map((node) => node.kill('SIGKILL')))
        await stage.hurry().catch(() => undefined) // those that are gone cannot be told
        for (const node of others) await node.cli('CONFIG', 'SET', 'cluster-node-timeout', '1000')
        await untilSaid(others, /cluster_slots_fail:5\d\d\d/)
      },
      heal: async () => void (await Promise.all(lost.map((node) => node.restart()))),
    }
  },
} satisfies LabFault
