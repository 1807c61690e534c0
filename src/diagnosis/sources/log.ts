// The end of the server's log, wherever it is: its file, and what its supervisor keeps of its standard output and
// error, since a server that cannot read its configuration says so nowhere else.

import { existsSync, statSync } from 'node:fs'
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
    const written = writtenMs(server.remembered.outputs ?? [])
    const hasFile = seen.places?.log?.here !== undefined
    const failed = (source: string, { why, hint = '' }: Fault): void => {
      if (!hasFile || !source.startsWith('process:')) server.couldNot(source, why, hint)
    }
    for await (const entry of mergeLogs(found.sources, failed)) {
      entries.push(entry)
      if (entries.length > 4 * MOST) entries.splice(0, 3 * MOST)
    }
    dateLast(entries, written)
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
  const gone = running === undefined && supervisor === undefined ? (server.remembered.outputs ?? []) : []
  const outputs = await Promise.all(
    gone
      .filter((path) => path !== logFile && existsSync(path))
      .map((path) => findLog({ ...question, logFile: path }).catch((): FoundLog => NONE)), // it may be another user's by now
  )
  const known = new Set(file.sources.map(({ shown }) => shown))
  const others = [kept, ...outputs].flatMap(({ sources }) => sources.filter(({ shown }) => !known.has(shown)))
  // Beside a file that was read, an output that leads nowhere is no loss.
  return { sources: [...file.sources, ...others], couldNotLook: file === NONE ? kept.couldNotLook : [] }
}

/** When each file was last written to, by its path. */
function writtenMs(paths: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    paths.flatMap((path) => {
      const found = statSync(path, { throwIfNoEntry: false })
      return found === undefined ? [] : [[path, Math.round(found.mtimeMs)]]
    }),
  )
}

/** A line that names no time, as those of a failed start: the last of its file was written when the file last was. */
function dateLast(entries: SourcedEntry[], written: ReadonlyMap<string, number>): void {
  for (const [path, at] of written) {
    const from = entries.findLastIndex(({ source }) => source === path)
    const entry = entries[from]
    if (entry === undefined || entry.at !== undefined) continue
    entries.splice(from, 1)
    const to = entries.findLastIndex((other) => other.at !== undefined && other.at <= at)
    entries.splice(to + 1, 0, { ...entry, at })
  }
}

const NONE: FoundLog = { sources: [], couldNotLook: [] }
