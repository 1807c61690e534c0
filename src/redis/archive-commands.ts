// What archiving may send to a server. Watching never reads the value of a key (ask.ts); a backup has to, so it has a list
// of its own. Nothing on it writes: MULTI and EXEC stand around two reads that must be of one moment.

import { READ_COMMANDS } from './ask.ts'

/** What archiving sends besides what watching does, by command or `COMMAND SUBCOMMAND`. */
const READS_OF_ARCHIVING: ReadonlySet<string> = new Set([
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
