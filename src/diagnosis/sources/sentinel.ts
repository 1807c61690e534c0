// What a Sentinel says of each primary that it watches: its own view, the replicas and the other Sentinels that it knows,
// and whether they are enough to fail over.

import { reasonOf } from '../../lib/fault.ts'
import type { Reply } from '../../redis/connection.ts'
import type { SentinelMasterSeen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

export default {
  looksAt: 'SENTINEL MASTERS, REPLICAS, SENTINELS, CKQUORUM',
  asks: true,

  async look(server) {
    if (server.view.role !== 'sentinel') return undefined
    const masters = mapsIn(await server.ask('SENTINEL', 'MASTERS'))
    return Promise.all(masters.map((fields) => masterOf(server, fields)))
  },
} satisfies Source<'sentinel'>

async function masterOf(server: ServerAtHand, fields: Record<string, string>): Promise<SentinelMasterSeen> {
  const name = fields['name'] ?? ''
  const [replicas, sentinels, quorum] = await Promise.all([
    server.ask('SENTINEL', 'REPLICAS', name),
    server.ask('SENTINEL', 'SENTINELS', name),
    server.ask('SENTINEL', 'CKQUORUM', name).catch(reasonOf), // NOQUORUM comes as an error
  ])
  return { name, fields, replicas: mapsIn(replicas), sentinels: mapsIn(sentinels), quorum: String(quorum) }
}

/** A list of flat lists of names and values. */
function mapsIn(reply: Reply): Record<string, string>[] {
  if (!Array.isArray(reply)) return []
  return reply.map((entry) => {
    const words = Array.isArray(entry) ? entry.map(String) : []
    return Object.fromEntries(words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1] ?? '']] : [])))
  })
}
