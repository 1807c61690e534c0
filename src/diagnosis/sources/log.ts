// The end of the server's log, wherever it is: its file, and what its supervisor keeps of its standard output and
// error, since a server that cannot read its configuration says so nowhere else.

import type { Fault } from '../../lib/fault.ts'
import { findLog, mergeLogs, type FoundLog, type SourcedEntry } from '../../fleet/find-log.ts'
import { redactConfigLine } from '../../redis/redact.ts'
import type { LogSeen, Seen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

const MOST = 400
const SINCE_MS = 24 * 3_600_000

export default {
  looksAt: 'the log file, and standard output and error as the supervisor keeps them',
  asks: false,
  after: ['places', 'process'],

  async look(server, seen) {
    const found = await find(server, seen)
    for (const { at, why, hint } of found.couldNotLook) server.couldNot(at, why, hint)
    if (found.sources.length === 0) return undefined
    const entries: SourcedEntry[] = []
    const hasFile = seen.places?.log?.here !== undefined
    const failed = (source: string, { why, hint = '' }: Fault): void => {
      if (!hasFile || !source.startsWith('process:')) server.couldNot(source, why, hint)
    }
    for await (const entry of mergeLogs(found.sources, failed)) {
      entries.push(entry)
      if (entries.length > 4 * MOST) entries.splice(0, 3 * MOST)
    }
    return {
      sources: found.sources.map(({ shown }) => shown),
      entries: entries.slice(-MOST).map(({ at, pid, role, level, text, lines }) => {
        const more = lines.slice(1).map(redactConfigLine).join('\n')
        return { at, pid, role, level, text: redactConfigLine(text), ...(more === '' ? {} : { more }) }
      }),
    } satisfies LogSeen
  },
} satisfies Source<'log'>

/** Its file, and beside it what its supervisor keeps, or its process where its output is a file. */
async function find(server: ServerAtHand, { places, process: running }: Partial<Seen>): Promise<FoundLog> {
  const { view, supervisor, local } = server
  const question = { address: view.address, ask: undefined, sinceMs: Date.now() - SINCE_MS }
  const logFile = places?.log?.here
  const file = logFile === undefined ? NONE : await findLog({ ...question, logFile })
  const keeper = supervisor ?? (running === undefined ? undefined : `process:${running.pid}`)
  const kept =
    keeper === undefined && local && logFile !== undefined ? NONE : await findLog({ ...question, supervisor: keeper })
  const known = new Set(file.sources.map(({ shown }) => shown))
  const others = kept.sources.filter(({ shown }) => !known.has(shown))
  // Beside a file that was read, an output that leads nowhere is no loss.
  return { sources: [...file.sources, ...others], couldNotLook: file === NONE ? kept.couldNotLook : [] }
}

const NONE: FoundLog = { sources: [], couldNotLook: [] }
