// One command, asked again and again by many.

import type { LabFault } from '../fault.ts'
import { startHeavyLoad } from '../heavy-load.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'Clients ask more than one core can answer; no single command is slow.',
  needs: [],
  variants: [
    { name: 'one hot key', keys: 1_000, set: { command: 'BITCOUNT online:today' } },
    {
      name: 'with a password, a search in a list',
      keys: 20_000,
      password: true,
      set: { command: 'LPOS recent:items -' },
    },
    { name: 'with a replica', keys: 5_000, replicas: 1, set: { command: 'BITCOUNT online:today' } },
  ],

  async build(variant, random) {
    const words = String(variant.set?.['command']).split(' ')
    const stage = await startStage(variant, random)
    const { primary } = stage
    await primary.cli('SETBIT', 'online:today', String(random.between(6, 7) << 20), '1')
    await primary.cli(
      'EVAL',
      "for i = 1, 100 do redis.call('RPUSH', KEYS[1], unpack(ARGV)) end",
      '1',
      'recent:items',
      ...Array.from({ length: 500 }, (_, at) => `item:${at}`),
    )
    let stopLoad = (): void => undefined
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        stopLoad = await startHeavyLoad(primary, words, 8)
        const cpu = async (): Promise<number> =>
          [...(await primary.cli('INFO', 'cpu')).matchAll(/_main_thread:([\d.]+)/g)].reduce(
            (sum, [, s]) => sum + Number(s),
            0,
          )
        const before = await cpu()
        await until('it is busy', async () => (await cpu()) > before + 0.3)
      },
      heal: () => Promise.resolve(stopLoad()),
      async stop() {
        stopLoad()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
