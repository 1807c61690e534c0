// A client that does not know that another server is the primary.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'
import { startWriter, type Writer } from '../writer.ts'

export default {
  says: 'A client writes to a replica and is refused.',
  needs: [],
  variants: [
    { name: 'the address for reading', keys: 1_000, replicas: 1 },
    { name: 'with a password', keys: 10_000, replicas: 2, password: true },
    { name: 'after a change of roles', keys: 3_000, replicas: 1 },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const [replica = primary] = stage.replicas
    const swap = variant.name === 'after a change of roles'
    const written = swap ? primary : replica
    let writer: Writer | undefined
    return {
      ...stage,
      expects: { server: written.id },
      async inject() {
        writer = startWriter(written, { bytesPerSecond: 400, valueBytes: 20 })
        if (swap) {
          await replica.cli('REPLICAOF', 'NO', 'ONE')
          await primary.cli('REPLICAOF', '127.0.0.1', String(replica.port))
        }
        await until('writes are refused', async () =>
          (await written.cli('INFO', 'errorstats')).includes('errorstat_READONLY'),
        )
        await until('the link is up', async () =>
          (await written.cli('INFO', 'replication')).includes('master_link_status:up'),
        )
      },
      heal: async () => writer?.stop(),
      async stop() {
        writer?.stop()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
