// Messages that nobody hears: the subscribers are gone, or wait for news of keys that the server does not tell.

import { connect } from 'node:net'
import { loginBytes } from '../../src/redis/door.ts'
import { encodeCommand } from '../../src/redis/resp.ts'
import type { LabFault, Variant } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const PUBLISH = encodeCommand(['PUBLISH', 'orders', 'paid'])
const SUBSCRIBE = encodeCommand(['SUBSCRIBE', '__keyevent@0__:expired'])

const variants: readonly Variant[] = [
  { name: 'nobody subscribes', keys: 1_000, set: { who: 'publisher' } },
  { name: 'nobody subscribes, with a password', keys: 20_000, password: true, set: { who: 'publisher' } },
  { name: 'news of keys that are not told', keys: 5_000, set: { who: 'subscriber' } },
  { name: 'nobody subscribes, with a replica', keys: 5_000, replicas: 1, set: { who: 'publisher' } },
]

export default {
  says: 'Messages are published, and nobody hears them.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const isPublisher = variant.set?.['who'] === 'publisher'
    const socket = connect(primary.port, '127.0.0.1').on('error', () => undefined)
    socket.resume()
    let speaking: NodeJS.Timeout | undefined
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        socket.write(loginBytes(stage.access))
        if (!isPublisher) {
          socket.write(SUBSCRIBE)
          return void (await until('it subscribes', async () =>
            (await primary.cli('PUBSUB', 'CHANNELS')).includes('expired'),
          ))
        }
        speaking = setInterval(() => socket.write(PUBLISH), 50)
        await until('messages are published', async () =>
          (await primary.cli('INFO', 'commandstats')).includes('publish'),
        )
      },
      async stop() {
        clearInterval(speaking)
        socket.destroy()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
