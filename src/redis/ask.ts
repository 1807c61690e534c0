// Asking a server without changing it. Every command that Respite sends while watching is on this list; anything else
// is a bug and is refused here before it reaches a server.

import type { Connection, Reply } from './connection.ts'

export type Ask = (...words: string[]) => Promise<Reply>

/** What may be asked, by command or `COMMAND SUBCOMMAND`. None of them reads a key's value. */
export const READ_COMMANDS: ReadonlySet<string> = new Set([
  'ACL LIST',
  'ACL LOG',
  'ACL WHOAMI',
  'CLIENT LIST',
  'CLIENT NO-EVICT', // of our own connection
  'CLIENT SETNAME',
  'CLUSTER COUNTKEYSINSLOT', // a number; counted by the server anyway
  'CLUSTER INFO',
  'CLUSTER MYID',
  'CLUSTER NODES',
  'COMMANDLOG GET',
  'COMMANDLOG LEN',
  'CONFIG GET',
  'DBSIZE',
  'HLEN',
  'INFO',
  'LATENCY HISTOGRAM',
  'LATENCY LATEST',
  'LLEN',
  'MEMORY DOCTOR',
  'MEMORY STATS',
  'MEMORY USAGE',
  'MODULE LIST',
  'PING',
  'PUBSUB CHANNELS',
  'PUBSUB NUMPAT',
  'PUBSUB NUMSUB',
  'ROLE',
  'SCAN',
  'SCARD',
  'SELECT',
  'SENTINEL CKQUORUM',
  'SENTINEL CONFIG',
  'SENTINEL GET-MASTER-ADDR-BY-NAME',
  'SENTINEL MASTER',
  'SENTINEL MASTERS',
  'SENTINEL MYID',
  'SENTINEL REPLICAS',
  'SENTINEL SENTINELS',
  'SENTINEL SLAVES',
  'SLOWLOG GET',
  'SLOWLOG LEN',
  'TIME',
  'TTL',
  'TYPE',
  'XINFO GROUPS',
  'XINFO STREAM',
  'XLEN',
  'ZCARD',
])

/** The same by command, so that nothing is put together to look one up; a name without a subcommand goes with any. */
const ALLOWED = Map.groupBy(
  [...READ_COMMANDS].map((name) => name.split(' ')),
  ([command = '']) => command,
)

/** The read-only side of a connection's `send`. */
export function askOf(send: Connection['send']): Ask {
  return (...words) => {
    const [command = '', sub = ''] = words
    if (!isAllowed(command, sub) && !isAllowed(command.toUpperCase(), sub.toUpperCase()))
      throw new Error(`${command} ${sub} is not on the list of commands that watching may send`)
    return send(...words)
  }
}

function isAllowed(command: string, sub: string): boolean {
  const names = ALLOWED.get(command) ?? []
  for (const [, only] of names) if (only === undefined || only === sub) return true
  return false
}
