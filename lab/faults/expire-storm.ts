// A job writes very many keys in one go, all with the same short life, again and again.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { connectRaw, keepSending } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const SCRIPT = "for i = 1, ARGV[1] do redis.call('SET', ARGV[2] .. i, 'x', 'PX', 300) end"

export default {
  says: 'Tens of thousands of keys are written together with the same life, and expire together.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const keys = String(random.between(1_800, 2_200))
    let stopWriting = (): void => undefined
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        let batch = 0
        stopWriting = keepSending(await connectRaw(primary), 25, () => [
          ['EVAL', SCRIPT, '0', keys, `offer:${(batch += 1)}:`],
        ])
        await until('they expire', async () => /expired_keys:\d{5}/.test(await primary.cli('INFO', 'stats')))
      },
      heal: () => Promise.resolve(stopWriting()),
      async stop() {
        stopWriting()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
