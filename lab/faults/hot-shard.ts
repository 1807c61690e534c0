// One key to which all of the load goes.

import { startClusterStage } from '../cluster-stage.ts'
import type { LabFault } from '../fault.ts'
import { until } from '../until.ts'
import { startWriter, type Writer } from '../writer.ts'

const HOT = 'page:0'

export default {
  says: 'One shard of a Cluster does most of the work.',
  needs: [],
  variants: [
    { name: 'one hot key', keys: 0, set: { rate: 2_000 } },
    { name: 'with a password', keys: 0, password: true, set: { rate: 3_000 } },
    { name: 'with replicas', keys: 0, replicas: 1, set: { rate: 2_000 } },
  ],

  async build(variant) {
    const stage = await startClusterStage(variant)
    let writer: Writer | undefined
    const owners = await Promise.all(stage.primaries.map((node) => node.cli('SET', HOT, 'x')))
    const node = stage.primaries[owners.indexOf('OK')]
    if (node === undefined) throw new Error('some node owns the key')
    return {
      ...stage,
      expects: { server: node.id, kind: 'risk', also: ['backlog-too-small'] },
      async inject() {
        const valueBytes = 40
        writer = startWriter(node, { bytesPerSecond: Number(variant.set?.['rate']) * valueBytes, valueBytes, keys: 1 })
        await until('it is busy', async () => {
          const rate = /instantaneous_ops_per_sec:(\d+)/.exec(await node.cli('INFO', 'stats'))?.[1]
          return Number(rate) > 1_000
        })
      },
      async stop() {
        writer?.stop()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
