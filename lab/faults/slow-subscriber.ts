// A subscriber that does not read what is published, until the server cuts it off.

import type { LabFault } from '../fault.ts'
import { connectRaw, type RawClient } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A subscriber reads too slowly; the server cuts it off and its messages are lost.',
  needs: [],
  variants: [
    { name: 'alone', keys: 1_000 },
    { name: 'with a password, a pattern', keys: 20_000, password: true, set: { pattern: 1 } },
    { name: 'with a replica, the default limit', keys: 5_000, replicas: 1, set: { limit: '32mb 8mb 60' } },
  ],

  async build(variant, random) {
    const { pattern = 0, limit = '1mb 512kb 5' } = variant.set ?? {}
    const stage = await startStage(variant, random, { conf: [`client-output-buffer-limit pubsub ${limit}`] })
    const { primary } = stage
    let [subscriber, publisher]: (RawClient | undefined)[] = []
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        subscriber = await connectRaw(primary)
        if (pattern === 0) subscriber.send('SUBSCRIBE', 'prices')
        else subscriber.send('PSUBSCRIBE', 'price*')
        await until('it subscribes', async () => /flags=\w*P/.test(await primary.cli('CLIENT', 'LIST')))
        subscriber.stopReading()
        const message = 'x'.repeat(random.between(90_000, 110_000))
        const from = await connectRaw(primary)
        publisher = from
        await until('the server cuts it off', () => {
          for (let at = 0; at < 20; at += 1) from.send('PUBLISH', 'prices', message)
          return primary.log().includes('output buffer limits')
        })
      },
      async stop() {
        subscriber?.close()
        publisher?.close()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
