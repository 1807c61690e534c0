// The end of the last command is missing, as a power cut leaves it.

import { appendOnlyFile, cutEnd, failsToStart } from '../damage.ts'
import type { LabFault } from '../fault.ts'
import { write } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'The append-only file ends in the middle of a command.',
  needs: [],
  variants: [
    { name: 'refused', keys: 1_000, conf: ['aof-load-truncated no'] },
    { name: 'refused, with a password', keys: 20_000, password: true, conf: ['aof-load-truncated no'] },
    { name: 'cut off', keys: 1_000, conf: ['aof-load-truncated yes'] },
    { name: 'cut off, with a replica', keys: 5_000, replicas: 1, conf: ['aof-load-truncated yes'] },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random, { ofPrimary: { conf: ['appendonly yes'] } })
    const { primary } = stage
    await primary.cli('CONFIG', 'SET', 'shutdown-timeout', '0')
    await write(primary, 200)
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.cli('SET', 'order:last', 'paid')
        await primary.kill('SIGTERM')
        cutEnd(appendOnlyFile(primary, 'incr.aof'), random.between(3, 12))
        if (variant.name.startsWith('refused')) await failsToStart(primary)
        else await primary.restart()
      },
    }
  },
} satisfies LabFault
