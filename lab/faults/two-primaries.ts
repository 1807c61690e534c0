// The primary is cut off from its replicas and from the Sentinels, which promote one of them; clients still reach it.

import { apart, apartSentinel, cutBetween } from '../firewall.ts'
import type { LabFault } from '../fault.ts'
import { startWatchedStage } from '../sentinels.ts'
import { until } from '../until.ts'

const OTHERS = '127.0.0.2'

export default {
  says: 'A primary that is cut off goes on, while Sentinels promote a replica beside it.',
  needs: ['root', 'iptables'],
  variants: [
    { name: 'one replica', keys: 1_000, replicas: 1 },
    { name: 'with a password', keys: 10_000, replicas: 1, password: true },
    { name: 'two replicas', keys: 3_000, replicas: 2 },
  ],

  async build(variant, random) {
    const stage = await startWatchedStage(variant, random, {
      servers: { conf: apart(OTHERS) },
      sentinels: { conf: apartSentinel(OTHERS) },
    })
    const { primary, replicas, sentinels, masterName, hurry } = stage
    let mend = (): void => undefined
    return {
      ...stage,
      expects: { server: primary.id, also: ['backlog-too-small'] },
      async inject() {
        await hurry()
        mend = cutBetween(OTHERS, primary.port)
        await until('a replica is promoted', async () => {
          const roles = await Promise.all(replicas.map((replica) => replica.cli('ROLE')))
          return roles.some((role) => role.startsWith('master'))
        })
        for (const sentinel of sentinels)
          await until('the old primary is down to it, and a replica', async () =>
            /s_down,slave/.test(await sentinel.cli('SENTINEL', 'REPLICAS', masterName)),
          )
        await primary.cli('SET', 'order:1', 'written to the one that is cut off')
      },
      heal: async () => mend(),
    }
  },
} satisfies LabFault
