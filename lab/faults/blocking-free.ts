// A huge key is deleted in the thread that serves everybody.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A huge key is deleted with DEL, and everybody waits until its memory is freed.',
  needs: [],
  variants: [
    { name: 'DEL', keys: 1_000, set: { command: 'DEL' } },
    { name: 'with a password, renamed over', keys: 20_000, password: true, set: { command: 'RENAME' } },
    { name: 'with a replica', keys: 5_000, replicas: 1, set: { command: 'DEL' } },
  ],

  async build(variant, random) {
    const { command = 'DEL' } = variant.set ?? {}
    const stage = await startStage(variant, random)
    const { primary } = stage
    const fill = "for i = 1, ARGV[1] do redis.call('ZADD', KEYS[1], i, 'member:' .. i) end"
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await until('it was slow', async () => {
          await primary.cli('EVAL', fill, '1', 'timeline:1', String(random.between(300_000, 400_000)))
          await primary.cli('SLOWLOG', 'RESET')
          await primary.cli('SET', 'timeline:new', '-')
          await primary.cli(
            ...(command === 'RENAME' ? ['RENAME', 'timeline:new', 'timeline:1'] : ['DEL', 'timeline:1']),
          )
          const [duration] =
            /(?<=integer\) )\d{5,}(?=\n *4\))/.exec(await primary.cli('--no-raw', 'SLOWLOG', 'GET', '1')) ?? []
          return Number(duration) > 20_000
        })
      },
    }
  },
} satisfies LabFault
