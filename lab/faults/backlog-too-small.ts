// A backlog that holds a moment of what is written.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'
import { startWriter, type Writer } from '../writer.ts'

export default {
  says: 'The backlog holds less than a second of what is written.',
  needs: [],
  variants: [
    { name: 'the smallest backlog', keys: 1_000, replicas: 1, set: { backlog: '16kb', rate: 400_000 } },
    { name: 'with a password', keys: 10_000, replicas: 1, password: true, set: { backlog: '1mb', rate: 3_000_000 } },
    { name: 'two replicas', keys: 3_000, replicas: 2, set: { backlog: '256kb', rate: 1_000_000 } },
  ],

  async build(variant, random) {
    const { backlog = '', rate = 0 } = variant.set ?? {}
    const stage = await startStage(variant, random, { conf: [`repl-backlog-size ${backlog}`] })
    const { primary } = stage
    let writer: Writer | undefined
    return {
      ...stage,
      expects: { server: primary.id, kind: 'risk' },
      async inject() {
        writer = startWriter(primary, { bytesPerSecond: Number(rate) })
        await until('the backlog is full', async () => {
          const info = await primary.cli('INFO', 'replication')
          const [size, held] = ['size', 'histlen'].map((part) => Number(info.match(`repl_backlog_${part}:(\\d+)`)?.[1]))
          return (held ?? 0) >= (size ?? Infinity)
        })
      },
      heal: async () => void (await primary.cli('CONFIG', 'SET', 'repl-backlog-size', '256mb')),
      async stop() {
        writer?.stop()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
