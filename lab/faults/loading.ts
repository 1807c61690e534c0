// A server that was restarted and reads its dataset slowly.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const SLOW = ['key-load-delay 2000', 'loading-process-events-interval-bytes 1024']

export default {
  says: 'A server was restarted and still reads its dataset into memory.',
  needs: [],
  variants: [
    { name: 'alone', keys: 20_000, conf: SLOW },
    { name: 'with a password', keys: 40_000, password: true, conf: SLOW },
    { name: 'from an append-only file', keys: 20_000, conf: [...SLOW, 'appendonly yes'] },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    await primary.cli(variant.name.endsWith('file') ? 'BGREWRITEAOF' : 'SAVE')
    await until('nothing is being written', async () =>
      (await primary.cli('INFO', 'persistence')).includes('aof_rewrite_in_progress:0'),
    )
    return {
      ...stage,
      expects: { server: primary.id, kind: 'advice' },
      async inject() {
        await primary.kill('SIGTERM')
        await primary.restart()
        await until('it reads', async () => (await primary.cli('INFO', 'persistence')).includes('\nloading:1'))
      },
    }
  },
} satisfies LabFault
