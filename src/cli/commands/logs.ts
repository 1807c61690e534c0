// `respite logs URL`: the log of one server, filtered, as it was written, for a person or for export. Where it came from is
// said on standard error, so that standard output is the log and nothing else.

import type { LogsDocument } from '../../api/contract.ts'
import type { ConfiguredDeployment } from '../../config.ts'
import { findLog, mergeLogs, type FoundLog, type SourcedEntry } from '../../fleet/find-log.ts'
import type { CouldNotLook } from '../../fleet/server.ts'
import { Fault } from '../../lib/fault.ts'
import { parseDurationMs } from '../../lib/units.ts'
import { askOf } from '../../redis/ask.ts'
import { openConnection } from '../../redis/connection.ts'
import { LOG_LEVELS, passes, type LogLevel } from '../../redis/server-log.ts'
import type { Address } from '../../redis/url.ts'
import { textFlag, type Command, type Context, type ExitCode, type Flags } from '../command.ts'
import { CONNECTION_FLAGS } from '../connection-flags.ts'
import { printable } from '../table.ts'

const TIMEOUT_MS = 3_000
const MOST_IN_JSON = 100_000 // the newest; a document is one text in memory

export default {
  usage: '<url>',
  describe: 'print the log of one server, filtered, for export',
  more:
    'It is read from the file of --log, from what --supervisor keeps (standard error too, where a server says why it could ' +
    'not start), or from the file that the server names, when that is on this machine. Of one that does not answer, its port is ' +
    'looked for in the usual places: /etc/redis, units, containers, /var/log/redis.',
  flags: {
    '--since <time>': 'not what is older: a duration (1h, the default), or a time (2026-01-02T03:04:05Z)',
    '--level <level>': `not what is less important: ${LOG_LEVELS.join(', ')}`,
    '--supervisor <name>': 'what starts the server: docker:NAME, systemd:UNIT, homebrew:redis, process:PID',
    '--log <file>': 'its log file',
    '--json': 'one JSON document, its newest entries where there are very many',
    ...CONNECTION_FLAGS,
  },
  exits: {
    0: 'printed, as far as there was anything',
    1: 'a part of it could not be looked at',
    2: 'none of it could',
  },

  async run([url = ''], flags, context) {
    const deployment = await context.deploymentOfUrl(url, flags)
    const wanted = { sinceMs: sinceOf(flags), level: levelOf(flags) }
    const found = await findLogOf(deployment, { logFile: textFlag(flags, 'log'), sinceMs: wanted.sinceMs })
    const target = deployment.target.shown
    const missed: CouldNotLook[] = [...found.couldNotLook]
    if (found.sources.length === 0) throw couldNot(target, missed)
    const counts = new Map(found.sources.map(({ shown }) => [shown, 0]))
    const failed = (source: string, { why, hint = '' }: Fault): void => {
      counts.delete(source)
      missed.push({ at: source, why, hint })
    }
    const print = context.json ? gather() : printTo(context)
    for await (const entry of mergeLogs(found.sources, failed)) {
      if (!passes(entry, wanted)) continue
      counts.set(entry.source, (counts.get(entry.source) ?? 0) + 1)
      print.entry(entry)
    }
    if (counts.size === 0) throw couldNot(target, missed)
    if (context.json) context.printJson(documentOf(target, wanted, { counts, missed, print }))
    else context.err.write(summary(counts, missed))
    return (missed.length === 0 ? 0 : 1) satisfies ExitCode
  },
} satisfies Command

async function findLogOf(
  { target, access, supervisor }: ConfiguredDeployment,
  asked: { logFile: string | undefined; sinceMs: number },
): Promise<FoundLog> {
  const address = target.seeds[0] as Address
  // A server that does not answer has a log all the same; the log of --log needs no server at all.
  const connection =
    asked.logFile === undefined
      ? await openConnection({ address, access, timeoutMs: TIMEOUT_MS }).catch(() => undefined)
      : undefined
  try {
    const ask = connection === undefined ? undefined : askOf(connection.send)
    return await findLog({ address, ask, supervisor, ...asked })
  } finally {
    connection?.close()
  }
}

function couldNot(target: string, missed: readonly CouldNotLook[]): Fault {
  const why = missed.map((one) => (one.at === 'log' ? one.why : `${one.at}: ${one.why}`)).join('; ')
  return new Fault({
    doing: 'looking at the log of',
    target,
    why,
    hint: missed.map(({ hint }) => hint).find((hint) => hint !== ''),
  })
}

function sinceOf(flags: Flags): number {
  const text = textFlag(flags, 'since') ?? '1h'
  const agoMs = parseDurationMs(text.replace(/^-/, ''))
  if (agoMs !== undefined) return Date.now() - agoMs
  const at = /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return at
  throw wrongFlag('--since', `"${text}" is neither a duration nor a time`, 'Write 1h, 30m, or 2026-01-02T03:04:05Z')
}

function levelOf(flags: Flags): LogLevel {
  const text = textFlag(flags, 'level') ?? 'debug'
  const level = LOG_LEVELS.find((each) => each === text)
  if (level === undefined)
    throw wrongFlag('--level', `"${text}" is no level of a log`, `Levels: ${LOG_LEVELS.join(', ')}`)
  return level
}

function wrongFlag(target: string, why: string, hint: string): Fault {
  return new Fault({ doing: 'reading the flag', target, why, hint, exit: 64 })
}

interface Printing {
  entry(entry: SourcedEntry): void
  readonly entries: readonly SourcedEntry[]
  readonly leftOut: number
}

function printTo({ out }: Context): Printing {
  const show = out.isTTY === true ? printable : (line: string): string => line // a file gets what was written
  return { entries: [], leftOut: 0, entry: ({ lines }) => void out.write(`${lines.map(show).join('\n')}\n`) }
}

function gather(): Printing {
  const entries: SourcedEntry[] = []
  const printing = {
    entries,
    leftOut: 0,
    entry(entry: SourcedEntry) {
      entries.push(entry)
      if (entries.length < 2 * MOST_IN_JSON) return
      printing.leftOut += entries.length - MOST_IN_JSON
      entries.splice(0, entries.length - MOST_IN_JSON)
    },
  }
  return printing
}

interface Outcome {
  readonly counts: ReadonlyMap<string, number>
  readonly missed: readonly CouldNotLook[]
  readonly print: Printing
}

function documentOf(target: string, wanted: { sinceMs: number; level: LogLevel }, outcome: Outcome): LogsDocument {
  const { counts, missed, print } = outcome
  const entries = print.entries.slice(-MOST_IN_JSON)
  return {
    target,
    since: new Date(wanted.sinceMs).toISOString(),
    level: wanted.level,
    sources: [...counts].map(([source, count]) => ({ source, entries: count })),
    leftOut: print.leftOut + print.entries.length - entries.length,
    entries: entries.map(({ at, source, pid, role, level, text, lines }) => ({
      ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
      source,
      ...(pid === undefined ? {} : { pid }),
      ...(role === undefined ? {} : { role }),
      level,
      text,
      lines: [...lines],
    })),
    couldNotLook: [...missed],
  }
}

function summary(counts: ReadonlyMap<string, number>, missed: readonly CouldNotLook[]): string {
  const lines = [...counts].map(([source, count]) => `${count} ${count === 1 ? 'entry' : 'entries'} from ${source}`)
  for (const { at, why, hint } of missed) lines.push(`could not look: ${at}: ${why}`, `  ${hint}`)
  return lines.map((line) => `${printable(line)}\n`).join('')
}
