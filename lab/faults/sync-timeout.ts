// A full copy in which nothing comes for longer than the replica waits.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A replica gives its full copy up, since nothing comes for longer than repl-timeout, and begins again.',
  needs: [],
  variants: [
    { name: 'one replica', keys: 3_000, replicas: 1 },
    { name: 'with a password', keys: 8_000, replicas: 1, password: true },
    { name: 'a little longer', keys: 5_000, replicas: 1, set: { timeout: 3 } },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary, replicas } = stage
    const [first = primary] = replicas
    return {
      ...stage,
      url: first.url,
      expects: { server: first.id },
      async inject() {
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '200000')
        await first.cli('CONFIG', 'SET', 'repl-timeout', String(variant.set?.['timeout'] ?? 2))
        await primary.cli('DEBUG', 'CHANGE-REPL-ID') // so that the next synchronisation is a full one
        await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
        await until('the replica gives up', () => first.log().includes('Timeout receiving bulk data from MASTER'))
      },
      async heal() {
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0')
        await first.cli('CONFIG', 'SET', 'repl-timeout', '60')
      },
    }
  },
} satisfies LabFault
