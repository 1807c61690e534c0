// Every replica lost its place at once, and all of them copy everything.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'All replicas of a primary copy the whole dataset at the same time.',
  needs: [],
  variants: [
    { name: 'three replicas', keys: 5_000, replicas: 3 },
    { name: 'with a password', keys: 10_000, replicas: 2, password: true },
    { name: 'over the disk', keys: 8_000, replicas: 3, conf: ['repl-diskless-sync no'] },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary, replicas } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '3000')
        await primary.cli('DEBUG', 'CHANGE-REPL-ID') // so that the next synchronisation is a full one
        await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
        await until('all replicas wait for a copy or take it', async () => {
          const info = await primary.cli('INFO', 'replication')
          return [...info.matchAll(/state=(wait_bgsave|send_bulk)/g)].length === replicas.length
        })
      },
      heal: async () => void (await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0')),
    }
  },
} satisfies LabFault
