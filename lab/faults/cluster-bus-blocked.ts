// The bus port of a node is closed, and its port for clients is not.

import { addressOf, eachApart, startClusterStage, untilSaid } from '../cluster-stage.ts'
import type { LabFault } from '../fault.ts'
import { closeBus } from '../firewall.ts'

export default {
  says: 'A firewall closes the bus port of a Cluster node, and clients still reach it.',
  needs: ['root', 'iptables'],
  variants: [
    { name: 'of a primary', keys: 0 },
    { name: 'connections are refused, with a password', keys: 0, password: true, set: { how: 'reject' } },
    { name: 'of a replica', keys: 0, replicas: 1, set: { who: 'replica' } },
  ],

  async build(variant) {
    const stage = await startClusterStage(variant, { confOf: eachApart })
    const { primaries, replicas } = stage
    const node = variant.set?.['who'] === 'replica' ? replicas[1] : primaries[1]
    const others = stage.nodes.filter((other) => other !== node)
    if (node === undefined) throw new Error('the Cluster has such a node')
    let mend = (): void => undefined
    return {
      ...stage,
      expects: { server: node.id },
      async inject() {
        await stage.hurry()
        mend = closeBus({
          own: addressOf(stage.nodes.indexOf(node)),
          port: node.port + 10_000,
          others: others.map(({ port }) => port + 10_000),
          how: variant.set?.['how'] === 'reject' ? 'reject' : 'drop',
        })
        await untilSaid(others, new RegExp(`:${node.port}@\\S+ (?:master|slave),fail `))
      },
      heal: async () => mend(),
    }
  },
} satisfies LabFault
