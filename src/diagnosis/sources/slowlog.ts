// The slow log's newest entries, without secrets.

import type { Reply } from '../../redis/connection.ts'
import { redactCommand } from '../../redis/redact.ts'
import type { SlowSeen } from '../evidence.ts'
import type { Source } from '../source.ts'

const MOST = 128 // as many as the server keeps by default

export default {
  looksAt: 'SLOWLOG GET',
  asks: true,

  async look(server) {
    if (server.view.role === 'sentinel') return undefined
    const reply = await server.ask('SLOWLOG', 'GET', String(MOST))
    return Array.isArray(reply) ? reply.flatMap(entryOf) : []
  },
} satisfies Source<'slowlog'>

function entryOf(entry: Reply): SlowSeen[] {
  if (!Array.isArray(entry)) return []
  const [id, at, durationUs, words, client = '', clientName = ''] = entry
  const command = redactCommand(Array.isArray(words) ? words.map(String) : [])
  return [
    {
      id: Number(id),
      at: Number(at) * 1_000,
      durationUs: Number(durationUs),
      command,
      client: String(client),
      clientName: String(clientName),
    },
  ]
}
