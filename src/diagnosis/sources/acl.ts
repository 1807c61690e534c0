// Who we are for the server, whom it knows, and whom it refused. Password hashes are left out.

import { parseClientList } from '../../redis/client-list.ts'
import { reasonOf, Fault } from '../../lib/fault.ts'
import type { Reply } from '../../redis/connection.ts'
import type { AclLogSeen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

const MOST = 64

export default {
  looksAt: 'ACL WHOAMI, ACL LIST, ACL LOG',
  asks: true,

  async look(server) {
    const whoami = String(await server.ask('ACL', 'WHOAMI'))
    const [users, log] = await Promise.all([
      listOf(server, 'ACL LIST', ['ACL', 'LIST']),
      listOf(server, 'ACL LOG', ['ACL', 'LOG', String(MOST)]),
    ])
    const withoutHashes = users.map((user) => String(user).replaceAll(/ #[0-9a-f]+/g, ' #(redacted)'))
    return { whoami, users: withoutHashes, log: log.map(entryOf) }
  },
} satisfies Source<'acl'>

/** One of them may be permitted where the other is not. */
async function listOf(server: ServerAtHand, at: string, words: readonly string[]): Promise<Reply[]> {
  try {
    const reply = await server.ask(...words)
    return Array.isArray(reply) ? reply : []
  } catch (error) {
    server.couldNot(
      at,
      error instanceof Fault ? error.why : reasonOf(error),
      error instanceof Fault ? (error.hint ?? '') : '',
    )
    return []
  }
}

function entryOf(entry: Reply): AclLogSeen {
  const words = Array.isArray(entry) ? entry.map(String) : []
  const said = (name: string): string => words[words.indexOf(name) + 1] ?? ''
  return {
    count: Number(said('count')),
    reason: said('reason'),
    context: said('context'),
    object: said('object'),
    username: said('username'),
    ageSeconds: Number(said('age-seconds')),
    client: parseClientList(said('client-info'))[0] ?? {},
  }
}
