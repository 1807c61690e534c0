// A quota that is smaller than what the server has to do.

import { makeControlGroup } from '../control-group.ts'
import type { LabFault } from '../fault.ts'
import { startHeavyLoad } from '../heavy-load.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'The control group of the server has a quota of processor time that is far too small.',
  needs: ['root', 'cgroup'],
  variants: [
    { name: 'a tenth of a core', keys: 1_000, set: { quota: 10_000 } },
    { name: 'with a password, a fifth of a core', keys: 20_000, password: true, set: { quota: 20_000 } },
    { name: 'with a replica', keys: 5_000, replicas: 1, set: { quota: 15_000 } },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const group = makeControlGroup('cpu', -1)
    group.add(primary.pid)
    await primary.cli('SETBIT', 'online:today', String(random.between(5, 7) << 20), '1')
    const stopLoad = await startHeavyLoad(primary, ['BITCOUNT', 'online:today'], 4)
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        group.set(Number(variant.set?.['quota']))
        await until('it is held back', () => group.throttledPeriods() > 5)
      },
      heal: () => Promise.resolve(group.set(-1)),
      async stop() {
        stopLoad()
        group.set(-1)
        await stage.stop()
        group.remove()
      },
    }
  },
} satisfies LabFault
