// How a server ended, and what a start of it would find: read from its log's last words, its supervisor, and the files that
// it left. Shared by the checks that speak of a server whose process is gone.

import { formatBytes } from '../../lib/units.ts'
import type { Fact } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { wholeText, type LogEntrySeen } from './reading.ts'

/** `asked`: somebody told it to end. `start`: it could not begin. `data`: its files could not be read, or written. */
export interface Ending {
  readonly how: 'asked' | 'crashed' | 'start' | 'data' | 'without a word'
  readonly entry?: LogEntrySeen | undefined // the first line that says so
}

/** Is its process gone, as far as this machine or its supervisor shows? Undefined: that was not to be seen. */
export function isGone({ local, process, listening, supervised }: ServerEvidence): boolean | undefined {
  if (supervised !== undefined && supervised.is !== 'running' && supervised.is !== 'paused') return true
  if (!local || listening === undefined) return undefined
  if (process !== undefined) return false
  return listening.meets === undefined && listening.otherPorts.length === 0
}

/** Was there ever a server there, as far as anybody knows? A wrong port looks like a server that is down. */
export function isKnown({ was, log, supervised, places }: ServerEvidence): boolean {
  return (was ?? log ?? supervised ?? places?.conf ?? places?.dir) !== undefined
}

// Source: serverLog before exit() in Redis src/server.c, config.c, aof.c, rdb.c, sentinel.c of 7.0 and 8.0.
const SAID: readonly (readonly [Ending['how'], RegExp])[] = [
  ['crashed', /crashed by signal|ASSERTION FAILED|Guru Meditation|Out Of Memory allocating/],
  [
    'asked',
    /User requested shutdown|Received SIG(?:TERM|INT) scheduling shutdown|Received shutdown signal during loading|is now ready to exit, bye bye/,
  ],
  [
    'data',
    /Fatal error loading the DB|Bad file format reading|Unexpected end of file reading|loading DB\. Unrecoverable|Wrong signature trying|Wrong RDB checksum|Can't handle RDB format|FATAL AOF|Unable to obtain the AOF|Can't recover from AOF|corrupted cluster config|already used by a different/,
  ],
  [
    'start',
    /FATAL CONFIG FILE ERROR|Failed listening on port|Could not create server TCP|Failed opening Unix socket|Can't open the log file|Can't chdir to|Failed to configure TLS|Failed finding TLS|Configured to not listen anywhere|can't open config file|Failed to configure LOCALE|too many I\/O threads/,
  ],
]
const BEGINS = /Redis is starting|Valkey is starting|Ready to accept connections/

function saidIn(entry: LogEntrySeen): Ending['how'] | undefined {
  const all = wholeText(entry)
  return SAID.find(([, pattern]) => pattern.test(all))?.[0]
}

/** From the last words of its log; undefined where the log was not seen. */
export function endingOf({ log }: ServerEvidence): Ending | undefined {
  if (log === undefined) return undefined
  const began = log.entries.findLastIndex(({ text }) => BEGINS.test(text))
  const last = log.entries.slice(began + 1)
  const said = last.map(saidIn)
  const how = said.findLast((each) => each !== undefined)
  return how === undefined ? { how: 'without a word' } : { how, entry: last[said.indexOf(how)] }
}

/** What a start would read, as its configuration file and its directory show. Undefined where they were not seen. */
export function startFinds({ conf, disk }: ServerEvidence): { says: string; nothing: boolean; fact: Fact } | undefined {
  if (disk === undefined) return undefined
  const directives = conf?.directives ?? {}
  const isAppending = directives['appendonly'] === 'yes'
  const folder = directives['appenddirname'] ?? 'appendonlydir'
  const rdb = directives['dbfilename'] ?? 'dump.rdb'
  const files = disk.files.filter(({ name }) =>
    isAppending ? name.startsWith(`${folder}/`) || name.endsWith('.aof') : name === rdb,
  )
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const what = isAppending ? 'its append-only file' : rdb
  const ofConf = conf === undefined ? ', if it is configured as usual' : ''
  const value = files.length === 0 ? `no ${what}` : `${what}, ${formatBytes(bytes)}`
  return {
    nothing: files.length === 0,
    says:
      files.length === 0
        ? `A start would find no ${rdb === what ? rdb : 'append-only file'} in ${disk.path} and begin empty${ofConf}.`
        : `A start would load ${what} of ${formatBytes(bytes)} from ${disk.path}${ofConf}.`,
    fact: { source: 'disk', name: disk.path, value },
  }
}
