// A server that was started again reads its data first: that takes its time, and ends by itself.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'

const VARIANTS = [20_000, 30_000, 40_000].map((keys) => ({ name: `${keys} keys`, keys }))

export default {
  says: 'It was started again and is still reading its data.',
  needs: [],
  variants: VARIANTS,

  async build(variant, random) {
    const conf = ['key-load-delay 400', 'loading-process-events-interval-bytes 1024']
    const stage = await startStage(variant, random, { conf })
    const { primary } = stage
    await primary.cli('SAVE')
    return {
      ...stage,
      expects: { verdict: 'warning' },
      async inject() {
        await primary.kill('SIGTERM')
        await primary.restart()
      },
    }
  },
} satisfies LabFault
