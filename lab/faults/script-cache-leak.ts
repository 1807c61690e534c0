// EVAL with another text each time.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { connectRaw } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'An application writes values into the text of its scripts, and the server keeps each of them.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        const client = await connectRaw(primary)
        const scripts = random.between(1_500, 4_000)
        for (let at = 0; at < scripts; at += 1) client.send('EVAL', `return redis.call('get', 'user:${at}')`, '0')
        await until('they are cached', async () =>
          (await primary.cli('INFO', 'memory')).includes(`number_of_cached_scripts:${scripts}`),
        )
        client.close()
      },
      heal: async () => void (await primary.cli('SCRIPT', 'FLUSH', 'ASYNC')),
    }
  },
} satisfies LabFault
