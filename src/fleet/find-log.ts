// The log of one server, wherever it is: a file that was named, what its supervisor keeps, or the file that the server names
// and that is on this machine. It says which it read; a log that cannot be seen is "could not look", never an empty log.

import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Ask } from '../redis/ask.ts'
import { parseInfo } from '../redis/info.ts'
import { entriesOf, zoneShiftMs, type LogEntry } from '../redis/server-log.ts'
import { showAddress, type Address } from '../redis/url.ts'
import { isLocalHost, nameOf, type Listening } from '../supervisors/listening.ts'
import { lookAtProcess } from '../supervisors/look-at-process.ts'
import { lastLoggedMs, logFileLines } from '../supervisors/read-lines.ts'
import { openLooking, type KnownPlaces, type Looking, type Surroundings } from '../supervisors/supervisor.ts'
import { usualPlaces } from '../supervisors/usual-places.ts'
import type { CouldNotLook } from './server.ts'

export interface LogQuestion {
  readonly address: Address
  readonly ask: Ask | undefined // of the server, where it answers
  readonly logFile?: string | undefined // --log
  readonly supervisor?: string | undefined // `docker:orders`
  readonly sinceMs?: number | undefined // epoch; about: some lines before it may come too
  readonly around?: Surroundings
}

export interface LogSource {
  readonly shown: string // `/var/log/redis/redis-server.log`, `docker:orders`
  entries(): AsyncIterable<LogEntry> // oldest first; may throw a Fault while it is read
}

export interface FoundLog {
  readonly sources: readonly LogSource[] // a server with a log file also has a supervisor that keeps its standard error
  readonly couldNotLook: readonly CouldNotLook[]
}

/** Never rejects for what cannot be looked at; for a file that was named and cannot be read, and a wrong supervisor, it does. */
export async function findLog(question: LogQuestion): Promise<FoundLog> {
  const { logFile, supervisor, sinceMs, around } = question
  if (logFile !== undefined) return { sources: [await namedFile(logFile, sinceMs)], couldNotLook: [] }
  const known = question.ask === undefined ? undefined : await knownPlaces(question.ask)
  if (supervisor !== undefined) return logOfSupervisor(await openLooking(supervisor, around), known?.places, sinceMs)
  return logOfProcess(question, known)
}

async function namedFile(path: string, sinceMs: number | undefined): Promise<LogSource> {
  const why = await unreadable(path)
  if (why === undefined) return { shown: resolve(path), entries: () => entriesOf(logFileLines(path, sinceMs)) }
  throw new Fault({
    doing: 'reading the log',
    target: path,
    why,
    hint: 'Name a file that this user may read: --log FILE',
  })
}

/** Undefined: it can be read. */
async function unreadable(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).isFile() ? undefined : 'it is no file'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EACCES'
        ? 'this user may not read it'
        : reasonOf(error)
  }
}

interface Known {
  readonly places: KnownPlaces
  readonly pid: number | undefined
  readonly why: string | undefined // why less is known than the server could say
}

/** What a server that answers says of its files. A narrow login may forbid it. */
async function knownPlaces(ask: Ask): Promise<Known> {
  try {
    const info = parseInfo(String(await ask('INFO', 'server')))
    const pid = Number(info.get('process_id'))
    const settings = await settingsOf(ask)
    const configFile = info.get('config_file')
    const places = { configFile, dataDir: settings.get('dir'), logFile: settings.get('logfile') }
    return { places, pid: pid > 0 ? pid : undefined, why: undefined }
  } catch (error) {
    return { places: {}, pid: undefined, why: `CONFIG GET logfile: ${reasonOf(error)}` }
  }
}

async function settingsOf(ask: Ask): Promise<Map<string, string>> {
  const words = await Promise.all(['dir', 'logfile'].map((name) => ask('CONFIG', 'GET', name)))
  return new Map(words.map((reply) => (Array.isArray(reply) ? [String(reply[0]), String(reply[1])] : ['', ''])))
}

async function logOfSupervisor(
  looking: Looking,
  known: KnownPlaces | undefined,
  sinceMs: number | undefined,
): Promise<FoundLog> {
  const { logFile } = await looking.places(known).catch(() => ({ logFile: undefined })) // its log() says why, too
  const sources: LogSource[] = [{ shown: looking.shown, entries: () => entriesOf(looking.log(sinceMs)) }]
  if (logFile === undefined) return { sources, couldNotLook: [] }
  const why = logFile.here === undefined ? (logFile.why ?? 'not to be seen') : await unreadable(logFile.here)
  if (logFile.here !== undefined && why === undefined)
    return { sources: [await serversFile(logFile.here, sinceMs), ...sources], couldNotLook: [] }
  const hint = 'Copy it to where it can be read, and name it: --log FILE'
  return { sources, couldNotLook: [{ at: `log file ${logFile.inside}`, why: why ?? '', hint }] }
}

/** A file that a server writes now: it is written in the server's zone, and its own date says when the last line was. */
async function serversFile(path: string, sinceMs: number | undefined): Promise<LogSource> {
  const last = await lastLoggedMs(path)
  const shift = last === undefined ? 0 : zoneShiftMs(last, (await stat(path)).mtimeMs)
  const from = sinceMs === undefined ? undefined : sinceMs - shift
  const zone =
    shift === 0
      ? ''
      : ` (its clock is ${shift > 0 ? -shift / 3_600_000 : `+${-shift / 3_600_000}`} h from this machine's)`
  return { shown: `${path}${zone}`, entries: () => entriesOf(logFileLines(path, from), shift) }
}

const NAME_IT = 'Name what starts the server (--supervisor docker:NAME, systemd:UNIT), or its log file (--log FILE)'

/** Without a supervisor: the process that listens there, when it is on this machine and the one that answers. */
async function logOfProcess({ address, sinceMs, around }: LogQuestion, known: Known | undefined): Promise<FoundLog> {
  const cannot = (why: string): FoundLog => ({ sources: [], couldNotLook: [{ at: 'log', why, hint: NAME_IT }] })
  if (address.path === undefined && !isLocalHost(address.host)) return cannot('the server is on another machine')
  const where = address.path === undefined ? { host: address.host, port: address.port } : { path: address.path }
  const sight = await lookAtProcess(where, known?.pid)
  if (sight.seen !== 'process') return (await usualLog(where, { sinceMs, around })) ?? cannot(sight.why)
  const { pid } = sight.process
  if (known?.pid !== undefined && known.pid !== pid)
    return cannot(
      `the server at ${showAddress(address)} says that it is process ${known.pid}, and process ${pid} listens there: it is in a container`,
    )
  const { sources, couldNotLook } = await logOfSupervisor(
    await openLooking(`process:${pid}`, around),
    known?.places,
    sinceMs,
  )
  const isFile = sources.length > 1
  const silent =
    known?.why === undefined
      ? []
      : [{ at: 'log file', why: known.why, hint: 'permit it: ACL SETUSER <user> +config|get' }]
  // Beside a log file, standard output is worth reading where it is a file too, and no loss where it is not.
  return {
    sources: isFile ? await Promise.all(sources.map(orNothing)) : sources,
    couldNotLook: [...couldNotLook, ...silent],
  }
}

/** Of a server that nobody says anything of: what its port leads to, the first that can be read. */
async function usualLog(
  where: Listening,
  { sinceMs, around }: { readonly sinceMs: number | undefined; readonly around: Surroundings | undefined },
): Promise<FoundLog | undefined> {
  const couldNotLook: CouldNotLook[] = []
  for await (const { foundBy, supervisor, logFile } of usualPlaces(where, around)) {
    const found = `found by ${nameOf(where)} in ${foundBy}`
    if (supervisor !== undefined) {
      const { sources, ...more } = await logOfSupervisor(await openLooking(supervisor, around), undefined, sinceMs)
      const shown = sources.map((source) => ({ ...source, shown: `${source.shown} (${found})` }))
      return { sources: shown, couldNotLook: [...couldNotLook, ...more.couldNotLook] }
    }
    if (logFile === undefined) continue // on standard output: whoever started it has it
    const why = await unreadable(logFile)
    if (why !== undefined) couldNotLook.push({ at: `log file ${logFile}`, why: `${why} (${found})`, hint: NAME_IT })
    else {
      const source = await serversFile(logFile, sinceMs)
      return { sources: [{ ...source, shown: `${source.shown} (${found})` }], couldNotLook }
    }
  }
  return couldNotLook.length === 0 ? undefined : { sources: [], couldNotLook }
}

/** The same source, empty where it cannot be read. */
async function orNothing({ shown, entries }: LogSource): Promise<LogSource> {
  return {
    shown,
    async *entries() {
      try {
        yield* entries()
      } catch (error) {
        if (!(error instanceof Fault)) throw error
      }
    },
  }
}

/** A line of several sources, with where it is from. */
export interface SourcedEntry extends LogEntry {
  readonly source: string
}

/** All entries in the order of their times. A source that fails meanwhile is told to `onFault`, and the others go on. */
export async function* mergeLogs(
  sources: readonly LogSource[],
  onFault: (source: string, fault: Fault) => void,
): AsyncGenerator<SourcedEntry> {
  const heads = sources.map(({ shown, entries }) => ({
    shown,
    from: entries()[Symbol.asyncIterator](),
    next: undefined as LogEntry | undefined,
  }))
  const step = async (head: (typeof heads)[number]): Promise<void> => {
    try {
      const step = await head.from.next()
      head.next = step.done === true ? undefined : step.value
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      head.next = undefined
      onFault(head.shown, error)
    }
  }
  await Promise.all(heads.map(step))
  for (;;) {
    // What has no time follows on at once: it belongs to what stands before it.
    const first = heads
      .filter(({ next }) => next !== undefined)
      .toSorted((a, b) => (a.next?.at ?? 0) - (b.next?.at ?? 0))[0]
    if (first?.next === undefined) return
    yield { ...first.next, source: first.shown }
    await step(first)
  }
}
