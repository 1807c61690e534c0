// One key has grown for years.

import type { LabFault } from '../fault.ts'
import { connectRaw, type RawClient } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'One key is huge, and an application reads all of it.',
  needs: [],
  variants: [
    { name: 'a hash', keys: 1_000, set: { fill: 'HSET', read: 'HGETALL' } },
    { name: 'a set, with a password', keys: 20_000, password: true, set: { fill: 'SADD', read: 'SMEMBERS' } },
    { name: 'a sorted set, with a replica', keys: 5_000, replicas: 1, set: { fill: 'ZADD', read: 'ZRANGE' } },
  ],

  async build(variant, random) {
    const { fill = 'HSET', read = 'HGETALL' } = variant.set ?? {}
    const stage = await startStage(variant, random)
    const { primary } = stage
    let client: RawClient | undefined
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        const elements = String(random.between(250_000, 350_000))
        const pair = fill === 'SADD' ? "'member:' .. i" : "i, 'member:' .. i"
        await primary.cli(
          'EVAL',
          `for i = 1, ARGV[1] do redis.call('${fill}', KEYS[1], ${pair}) end`,
          '1',
          'followers:1',
          elements,
        )
        await primary.cli('SLOWLOG', 'RESET')
        const from = await connectRaw(primary)
        client = from
        from.send(String(read), 'followers:1', ...(read === 'ZRANGE' ? ['0', '-1'] : []))
        await until('it was slow', async () => (await primary.cli('SLOWLOG', 'GET', '1')).includes('followers:1'))
      },
      async stop() {
        client?.close()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
