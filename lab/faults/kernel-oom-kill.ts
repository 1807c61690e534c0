// The data grows past what the control group may have.

import { makeControlGroup } from '../control-group.ts'
import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'The server grows past the memory limit of its control group, and the kernel kills it.',
  needs: ['root', 'cgroup'],
  variants: [
    { name: 'alone', keys: 1_000 },
    {
      name: 'with a password and a maxmemory above the limit',
      keys: 20_000,
      password: true,
      conf: ['maxmemory 500mb'],
    },
    { name: 'with a replica', keys: 5_000, replicas: 1 },
    { name: 'and started again', keys: 2_000, conf: ['save 3600 1'], set: { again: 1 } },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const group = makeControlGroup('memory', random.between(50, 70) << 20)
    group.add(primary.pid)
    const again = variant.set?.['again'] === 1
    return {
      ...stage,
      expects: { server: primary.id, kind: again ? 'risk' : 'fault' },
      async inject() {
        await primary.cli('DEBUG', 'POPULATE', '100000', 'upload', '2000').catch(() => '') // it is killed over it
        await primary.exited
        if (again) await primary.restart()
      },
      heal: () => primary.restart(),
      async stop() {
        await stage.stop()
        group.remove()
      },
    }
  },
} satisfies LabFault
