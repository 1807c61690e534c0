// Snapshots that come too seldom for what may be lost, by their settings, or as nobody makes them any more.

import type { LabFault } from '../fault.ts'
import { infoField, snapshotEnds, write } from '../saving.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const MINUTE_MS = 60_000

export default {
  says: 'Changes wait longer for a snapshot than may be lost.',
  needs: [],
  variants: [
    { name: 'once a day', keys: 1_000, conf: ['save ""', 'save 86400 1'], set: { rpoMs: 60 * MINUTE_MS } },
    {
      name: 'never for a few changes',
      keys: 5_000,
      password: true,
      conf: ['save ""', 'save 60 10000'],
      set: { rpoMs: 5 * MINUTE_MS },
    },
    {
      name: 'no longer made',
      keys: 2_000,
      replicas: 1,
      conf: ['save ""', 'rdb-del-sync-files yes'],
      set: { rpoMs: 1_000 },
    },
    { name: 'a second of the append-only file', keys: 2_000, conf: ['appendonly yes'], set: { rpoMs: 500 } },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const rpoMs = Number(variant.set?.['rpoMs'])
    return {
      ...stage,
      rpoMs,
      expects: { server: primary.id, kind: 'risk' },
      async inject() {
        if (variant.name === 'no longer made') await snapshotEnds(primary, 'ok')
        await write(primary, random.between(50, 500))
        await until('the changes are two seconds old', async () => {
          const saved = Number(await infoField(primary, 'persistence', 'rdb_last_save_time'))
          return Date.now() / 1_000 - saved > 2
        })
      },
    }
  },
} satisfies LabFault
