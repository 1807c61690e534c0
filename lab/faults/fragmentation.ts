// Many small values, nine of ten deleted all over the pages.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const FILL = "for i = 1, ARGV[1] do redis.call('SET', 'visit:' .. i, string.rep('x', ARGV[2])) end"
const THIN = "for i = 1, ARGV[1] do if i % 10 ~= 0 then redis.call('DEL', 'visit:' .. i) end end"

export default {
  says: 'Most values were deleted, a few are left in every page, and the memory is not given back.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    await primary.cli('SAVE')
    return {
      ...stage,
      expects: { kind: 'risk' }, // its replica is as bad
      async inject() {
        const keys = String(random.between(150_000, 200_000))
        await primary.cli('EVAL', FILL, '0', keys, String(random.between(180, 220)))
        await primary.cli('EVAL', THIN, '0', keys)
        await primary.cli('SAVE')
        await primary.cli('SLOWLOG', 'RESET')
        await until('more is resident than in use', async () => {
          const info = await primary.cli('INFO', 'memory')
          const wasted = /allocator_frag_bytes:(\d+)/.exec(info)?.[1]
          return Number(wasted) > 12 << 20 && Number(/mem_fragmentation_ratio:([\d.]+)/.exec(info)?.[1]) > 1.5
        })
      },
      heal: async () => void (await primary.cli('CONFIG', 'SET', 'activedefrag', 'yes')),
    }
  },
} satisfies LabFault
