// A Sentinel whose process stood still for a moment, as that of a virtual machine that was moved.

import { setTimeout as sleep } from 'node:timers/promises'
import type { LabFault } from '../fault.ts'
import { startWatchedStage } from '../sentinels.ts'
import { until } from '../until.ts'

const TRIGGER_MS = 2_000 // sentinel_tilt_trigger of sentinel.c

export default {
  says: 'A Sentinel stood still for more than two seconds and trusts nothing for half a minute.',
  needs: [],
  variants: [
    { name: 'one of three', keys: 1_000, replicas: 1 },
    { name: 'with a password', keys: 5_000, replicas: 1, password: true },
    { name: 'all of three', keys: 3_000, replicas: 1 },
  ],

  async build(variant, random) {
    const stage = await startWatchedStage(variant, random)
    const victims = variant.name === 'all of three' ? stage.sentinels : stage.sentinels.slice(0, 1)
    return {
      ...stage,
      expects: {},
      async inject() {
        for (const sentinel of victims) await sentinel.kill('SIGSTOP')
        await sleep(1.3 * TRIGGER_MS)
        for (const sentinel of victims) await sentinel.kill('SIGCONT')
        for (const sentinel of victims)
          await until('it is in TILT', async () => (await sentinel.cli('INFO', 'sentinel')).includes('sentinel_tilt:1'))
      },
    }
  },
} satisfies LabFault
