// What archiving may send to a server. Watching never reads the value of a key (ask.ts); a backup has to, so it has a list
// of its own. Nothing on it writes: MULTI and EXEC stand around two reads that must be of one moment.

import { READ_COMMANDS, type Ask } from './ask.ts'
import type { Connection } from './connection.ts'

/** What archiving sends besides what watching does, by command or `COMMAND SUBCOMMAND`. */
const READS_OF_ARCHIVING: ReadonlySet<string> = new Set([
  'ACL DRYRUN',
  'DUMP',
  'EXEC',
  'FUNCTION DUMP',
  'MULTI',
  'PEXPIRETIME',
  'PTTL',
  'READONLY', // of our own connection to a replica in a Cluster
])

/** Throws for anything else: that would be a bug, and it is refused here before it reaches a server. */
export function allowOnlyReads(words: readonly (string | Buffer)[]): void {
  const [command = '', sub = ''] = words.slice(0, 2).map((word) => word.toString('latin1').toUpperCase())
  const names = [command, `${command} ${sub}`]
  if (names.some((name) => READS_OF_ARCHIVING.has(name) || READ_COMMANDS.has(name))) return
  throw new Error(`${command} is not on the list of commands that archiving may send`)
}

/** The reading side of a connection for archiving. */
export function askForArchive(send: Connection['send']): Ask {
  return (...words) => {
    allowOnlyReads(words)
    return send(...words)
  }
}

/**
 * Whether the user may PSYNC, without starting one: an offset that is no number is refused by the command itself, so that
 * an answer about the number means that it may run (replication.c, syncCommand, since 7.0: before, it began a full
 * resynchronisation, so do not ask an older server). The server notes one line in its log. The text of what is in the way, or
 * undefined.
 */
export async function whyNoPsync(send: Connection['send']): Promise<string | undefined> {
  try {
    await send('PSYNC', '?', 'not-asked-for')
    return 'it answers PSYNC with something that no server says'
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return /not an integer/i.test(text) ? undefined : text
  }
}
