// A liveness probe that takes a server which loads for a dead one, and whoever starts it again.

import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import { startStage } from '../stage.ts'

const SLOW = ['key-load-delay 5000', 'loading-process-events-interval-bytes 1024', 'rdbcompression no']
const TIMES = 3

const variants: readonly Variant[] = [
  { name: 'alone', keys: 5_000, conf: SLOW },
  { name: 'with a password', keys: 20_000, password: true, conf: SLOW },
  { name: 'with save points', keys: 10_000, conf: [...SLOW, 'save 3600 1'] },
]

export default {
  says: 'A probe ends the server while it loads its data, again and again.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.cli('SAVE')
        await primary.kill('SIGKILL')
        for (let time = 0; time < TIMES; time += 1) {
          await primary.restart()
          await untilMet('loading', primary)
          await primary.kill('SIGTERM')
        }
        await primary.restart()
      },
      async stop() {
        await primary.kill('SIGKILL')
        await stage.stop()
      },
    }
  },
} satisfies LabFault
