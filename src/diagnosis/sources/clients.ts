// CLIENT LIST, of the first thousand clients: more would be much to send and says no more.

import { parseClientList } from '../../redis/client-list.ts'
import type { Source } from '../source.ts'

const MOST = 1_000

export default {
  looksAt: 'CLIENT LIST',
  asks: true,

  async look(server) {
    if (server.view.role === 'sentinel') return undefined
    return parseClientList(String(await server.ask('CLIENT', 'LIST'))).slice(0, MOST)
  },
} satisfies Source<'clients'>
