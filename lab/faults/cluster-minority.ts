// A node of a Cluster that has no majority of the primaries behind it.

import { addressOf, ALL_ADDRESSES, eachApart, startClusterStage, untilSaid } from '../cluster-stage.ts'
import type { LabFault } from '../fault.ts'
import { cutNode } from '../firewall.ts'

export default {
  says: 'A node of a Cluster is cut off from the others, or most of them are down.',
  needs: ['root', 'iptables'],
  variants: [
    { name: 'a primary is cut off', keys: 0 },
    { name: 'with a password, and its replica takes over', keys: 0, password: true, replicas: 1 },
    { name: 'two of three primaries are down', keys: 0 },
  ],

  async build(variant) {
    const stage = await startClusterStage(variant, { confOf: eachApart })
    const [first, ...others] = stage.primaries
    const areDown = variant.name.startsWith('two of three')
    if (first === undefined) throw new Error('a Cluster has primaries')
    let mend = (): void => undefined
    return {
      ...stage,
      expects: { server: first.id },
      async inject() {
        await stage.hurry()
        if (areDown) await Promise.all(others.map((node) => node.kill('SIGKILL')))
        else mend = cutNode({ own: addressOf(0), fellows: ALL_ADDRESSES, ports: [first.port, first.port + 10_000] })
        await untilSaid([first], /cluster_slots_pfail:1\d{4}/)
        await untilSaid([first], 'cluster_state:fail')
        const replica = stage.replicas[0]
        if (replica !== undefined) await untilSaid([replica], /myself,master/)
        if (!areDown) await untilSaid(others, /master,fail /)
      },
      heal: async () => mend(),
    }
  },
} satisfies LabFault
