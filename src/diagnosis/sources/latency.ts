// LATENCY LATEST: what the server's own latency monitor noticed. It notices nothing where its threshold is 0, which is
// the default.

import type { Source } from '../source.ts'

export default {
  looksAt: 'LATENCY LATEST',
  asks: true,

  async look(server) {
    if (server.view.role === 'sentinel') return undefined
    const reply = await server.ask('LATENCY', 'LATEST')
    return (Array.isArray(reply) ? reply : []).flatMap((entry) => {
      if (!Array.isArray(entry)) return []
      const [event, at, latest, max] = entry
      return [{ event: String(event), at: Number(at) * 1_000, latestMs: Number(latest), maxMs: Number(max) }]
    })
  },
} satisfies Source<'latency'>
