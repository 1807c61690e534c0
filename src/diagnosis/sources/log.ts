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
    const failed = (source: string, { why, hint = '' }: Fault): void => server.couldNot(source, why, hint)
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

function find(server: ServerAtHand, { places, process: running }: Partial<Seen>): Promise<FoundLog> {
  const { view, supervisor, options } = server
  const sinceMs = Date.now() - SINCE_MS
  const named = options.log ?? (running === undefined ? places?.log?.here : undefined)
  const ask = view.answer.id === 'ok' || view.answer.id === 'loading' ? server.ask : undefined
  if (named !== undefined) return findLog({ address: view.address, ask: undefined, logFile: named, sinceMs })
  return findLog({ address: view.address, ask, supervisor, sinceMs })
}
