// A client that speaks to one node as if it were the whole.

import { startClusterStage } from '../cluster-stage.ts'
import type { LabFault } from '../fault.ts'
import { until } from '../until.ts'
import { startWriter, type Writer } from '../writer.ts'

export default {
  says: 'A client asks one node of a Cluster for everything and is sent on each time.',
  needs: [],
  variants: [
    { name: 'one client', keys: 0, set: { clients: 1 } },
    { name: 'with a password', keys: 0, password: true, set: { clients: 2 } },
    { name: 'with replicas', keys: 0, replicas: 1, set: { clients: 1 } },
  ],

  async build(variant) {
    const stage = await startClusterStage(variant)
    const [node] = stage.primaries
    if (node === undefined) throw new Error('a Cluster has primaries')
    let writers: Writer[] = []
    return {
      ...stage,
      expects: { server: node.id },
      async inject() {
        const count = Number(variant.set?.['clients'])
        writers = Array.from({ length: count }, () => startWriter(node, { bytesPerSecond: 10_000, valueBytes: 100 }))
        await until('it sends clients on', async () =>
          (await node.cli('INFO', 'errorstats')).includes('errorstat_MOVED'),
        )
      },
      async stop() {
        for (const writer of writers) writer.stop()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
