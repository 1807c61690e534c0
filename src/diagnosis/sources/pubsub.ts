// Publish and subscribe: whether a message that we publish on a channel of our own is heard, and who subscribes to what. The
// list of channels cannot be cut by the server, so that it is only asked for where it is short.

import { reasonOf } from '../../lib/fault.ts'
import { publishAndHear } from '../../redis/probe.ts'
import type { PubSubSeen, Seen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

const MOST_LISTED = 1_000
const MOST_SHOWN = 100
const HEARD_WITHIN_MS = 800

export default {
  looksAt: 'PUBSUB CHANNELS, NUMSUB, NUMPAT, and a message on our own channel, published and heard',
  asks: true,
  after: ['info'],

  async look(server, seen) {
    const { role, answer } = server.view
    if (role === 'sentinel' || answer.id !== 'ok') return undefined
    const [probed, channels, patterns] = await Promise.all([
      probe(server),
      channelsOf(server, seen),
      server.ask('PUBSUB', 'NUMPAT'),
    ])
    return { ...probed, channels, patterns: Number(patterns) } satisfies PubSubSeen
  },
} satisfies Source<'pubsub'>

async function probe({ view, access }: ServerAtHand): Promise<Pick<PubSubSeen, 'probe' | 'why'>> {
  const options = { address: view.address, access, timeoutMs: HEARD_WITHIN_MS }
  try {
    const first = await publishAndHear(options)
    return { probe: first === 'ok' ? first : await publishAndHear(options) } // on a busy machine the first may be late
  } catch (error) {
    return { probe: 'refused', why: reasonOf(error) }
  }
}

async function channelsOf(server: ServerAtHand, { info }: Partial<Seen>): Promise<PubSubSeen['channels']> {
  const count = Number(info?.fields['pubsub_channels'] ?? 0)
  if (count > MOST_LISTED) {
    server.couldNot('PUBSUB CHANNELS', `there are ${count}, which is much to list`, 'PUBSUB NUMSUB CHANNEL asks of one')
    return []
  }
  const names = await server.ask('PUBSUB', 'CHANNELS')
  const first = (Array.isArray(names) ? names.map(String) : []).slice(0, MOST_SHOWN)
  if (first.length === 0) return []
  const counts = await server.ask('PUBSUB', 'NUMSUB', ...first)
  const list = Array.isArray(counts) ? counts : []
  return first.map((channel, at) => ({ channel, subscribers: Number(list[2 * at + 1] ?? 0) }))
}
