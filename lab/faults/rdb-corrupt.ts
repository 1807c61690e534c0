// The snapshot was damaged between the end of the server and its next start.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { cutEnd, failsToStart, flipByte, overwrite } from '../damage.ts'
import type { LabFault } from '../fault.ts'
import { snapshotEnds, write } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'The snapshot is damaged, and the server does not start.',
  needs: [],
  variants: [
    { name: 'cut in half', keys: 1_000, set: { how: 'cut' } },
    { name: 'without its beginning', keys: 20_000, password: true, set: { how: 'header' } },
    { name: 'a byte of the checksum', keys: 5_000, replicas: 1, set: { how: 'checksum' } },
    { name: 'a byte of the data', keys: 2_000, set: { how: 'data' } },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random, { ofPrimary: { conf: ['shutdown-timeout 0'] } })
    const { primary } = stage
    await write(primary, 200)
    await snapshotEnds(primary, 'ok')
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.kill('SIGTERM')
        const file = join(primary.dir, 'dump.rdb')
        const bytes = statSync(file).size
        const damage = {
          cut: () => cutEnd(file, Math.round(bytes / 2)),
          header: () => overwrite(file, 0, Buffer.alloc(9)),
          checksum: () => flipByte(file, -1),
          data: () => flipByte(file, random.between(200, bytes - 200)),
        }
        damage[variant.set?.['how'] as keyof typeof damage]()
        await failsToStart(primary)
      },
    }
  },
} satisfies LabFault
