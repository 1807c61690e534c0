// A primary that wants replicas which it does not have.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A primary wants more good replicas than it has, and refuses writes.',
  needs: [],
  variants: [
    { name: 'a replica was detached', keys: 1_000, replicas: 1 },
    { name: 'more are wanted than there are', keys: 10_000, replicas: 1, password: true },
    { name: 'a replica has ended', keys: 3_000, replicas: 2 },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary, replicas } = stage
    const wanted = replicas.length
    await primary.cli('CONFIG', 'SET', 'min-replicas-to-write', String(wanted))
    const [first = primary] = replicas
    const expects =
      variant.name === 'a replica has ended'
        ? { check: 'process-down', server: first.id }
        : { server: primary.id, also: ['two-primaries'] }
    return {
      ...stage,
      expects, // a replica that was detached is a primary of its own
      async inject() {
        if (variant.name === 'a replica was detached') await first.cli('REPLICAOF', 'NO', 'ONE')
        else if (variant.name === 'a replica has ended') await first.kill('SIGTERM')
        else await primary.cli('CONFIG', 'SET', 'min-replicas-to-write', String(wanted + 1))
        await until('writes are refused', async () =>
          (await primary.cli('SET', 'session:1', 'x')).startsWith('NOREPLICAS'),
        )
      },
      heal: async () => void (await primary.cli('CONFIG', 'SET', 'min-replicas-to-write', '0')),
    }
  },
} satisfies LabFault
