// Three Sentinels guard a primary with replicas: the usual fleet, and each of them is a server too.

import type { LabFault } from '../fault.ts'
import { NEVER_DOWN_MS, startSentinel } from '../servers.ts'
import { startStage } from '../stage.ts'

const VARIANTS = [1, 2, 3].map((replicas) => ({ name: `${replicas} replicas`, keys: 1_000, replicas }))

export default {
  says: 'Three Sentinels guard a primary and its replicas.',
  needs: [],
  variants: VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary, servers } = stage
    await Promise.all(servers.map((server) => server.cli('SAVE')))
    const watches = [{ name: 'orders', server: primary }]
    const sentinels = await Promise.all(
      [1, 2, 3].map(() => startSentinel({ watches, quorum: 2, downAfterMs: NEVER_DOWN_MS })),
    )
    return {
      ...stage,
      url: `redis+sentinel://${sentinels.map(({ id }) => id).join(',')}/orders`,
      expects: { verdict: 'healthy' },
      inject: () => Promise.resolve(),
      stop: async () => void (await Promise.all([...sentinels.map((one) => one.stop()), stage.stop()])),
    }
  },
} satisfies LabFault
