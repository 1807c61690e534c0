// Keys are evicted by the thousand: in a store, and in a cache whose limit somebody lowered.

import type { LabFault } from '../fault.ts'
import { connectRaw, keepSending } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const WRITES = 40 // every 20 ms

export default {
  says: 'Memory is full and keys are evicted faster than anybody can want.',
  needs: [],
  variants: [
    { name: 'a store', keys: 2_000, set: { class: 'store', policy: 'allkeys-lru' } },
    {
      name: 'a cache with a password, its limit lowered',
      keys: 40_000,
      password: true,
      set: { class: 'cache', policy: 'allkeys-lfu' },
    },
    {
      name: 'a store with a replica, keys that expire',
      keys: 5_000,
      replicas: 1,
      set: { class: 'store', policy: 'volatile-lru' },
    },
  ],

  async build(variant, random) {
    const { class: dataClass, policy = '' } = variant.set ?? {}
    const stage = await startStage(variant, random, { conf: ['maxmemory 60mb', `maxmemory-policy ${policy}`] })
    const { primary } = stage
    let stopWriting = (): void => undefined
    return {
      ...stage,
      dataClass: dataClass === 'cache' ? 'cache' : 'store',
      expects: { server: primary.id },
      async inject() {
        const value = 'x'.repeat(random.between(800, 1_200))
        const script = "for i = 1, 20000 do redis.call('SET', 'page:' .. i, ARGV[1], 'EX', 3600) end"
        await primary.cli('EVAL', script, '0', value)
        let next = 0
        const client = await connectRaw(primary)
        stopWriting = keepSending(client, 20, () =>
          Array.from({ length: WRITES }, () => ['SET', `visit:${(next += 1)}`, value, 'EX', '3600']),
        )
        const used = /used_memory:(\d+)/.exec(await primary.cli('INFO', 'memory'))?.[1] ?? '0'
        await primary.cli('CONFIG', 'SET', 'maxmemory', String(Math.round(Number(used) * 0.95)))
        await until('keys are evicted', async () => /evicted_keys:[1-9]\d{2}/.test(await primary.cli('INFO', 'stats')))
      },
      heal: async () => void (await primary.cli('CONFIG', 'SET', 'maxmemory', '200mb')),
      async stop() {
        stopWriting()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
