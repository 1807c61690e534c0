// What starts and ends a server, and so knows of it when the server itself cannot be asked: an operating system's process,
// systemd, a container engine, Homebrew. A kind of supervisor is a file in looking/, whose name is the word before the colon
// of `docker:orders`; it only looks. What acts is apart, in acting/, and only mitigation/ and restore/ may reach it.

import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Fault } from '../lib/fault.ts'
import { loadUnits } from '../lib/load-units.ts'
import { nearest } from '../lib/nearest.ts'
import type { LogLine } from '../redis/server-log.ts'

/** A server as its supervisor sees it. Each call looks anew; what cannot be looked at is a Fault with a hint. */
export interface Looking {
  readonly shown: string // `docker:orders`
  state(): Promise<SupervisedState>
  /** Where its files are. What the supervisor cannot know (a title that hides the command line) is taken from `known`. */
  places(known?: KnownPlaces): Promise<Places>
  /** Where a path of the server's own is. */
  place(inside: string): Promise<Place>
  resources(): Promise<Resources>
  /**
   * What it wrote on standard output and standard error, oldest first, and what the supervisor says of it. About since
   * `sinceMs` (epoch): some lines before it may come too. A server that has a log file writes its log there and not here.
   */
  log(sinceMs?: number): AsyncIterable<LogLine>
}

export interface SupervisedState {
  readonly is: 'running' | 'paused' | 'restarting' | 'stopped' | 'absent' // paused: it is held; restarting: between two starts
  readonly says: string // the supervisor's own words
  readonly sinceMs: number | undefined // epoch; since when it is so
  readonly pid: number | undefined // on this machine, of one that runs
  readonly exitCode: number | undefined // of the last end; 128 + the signal's number where a signal ended it
  readonly outOfMemory: boolean | undefined // the last end was the kernel's, for want of memory; undefined: not known
  readonly restarts: number | undefined // by the supervisor, as far as it counts them
  readonly restartPolicy: string | undefined // in its own words: `on-failure:3`
  readonly command: readonly string[] | undefined // without secrets
}

export const NOT_KNOWN = {
  sinceMs: undefined,
  pid: undefined,
  exitCode: undefined,
  outOfMemory: undefined,
  restarts: undefined,
  restartPolicy: undefined,
  command: undefined,
} as const

/** What the server said of itself: INFO config_file, CONFIG GET dir and logfile. */
export interface KnownPlaces {
  readonly configFile?: string | undefined
  readonly dataDir?: string | undefined
  readonly logFile?: string | undefined
}

export interface Places {
  readonly configFile: Place | undefined // undefined: it has none, or nobody knows
  readonly dataDir: Place | undefined
  readonly logFile: Place | undefined // undefined: its log goes to standard output
}

export interface Place {
  readonly inside: string // the path as the server names it
  readonly here: string | undefined // the same on this machine; undefined: it cannot be reached from here
  readonly why?: string | undefined // it cannot
}

export interface Resources {
  readonly memoryLimitBytes: number | undefined // of its control group; undefined: none, or not known
  readonly memoryUsedBytes: number | undefined // what counts against the limit, page cache included
  readonly cpuLimitCores: number | undefined
  readonly openFiles: number | undefined // descriptors
  readonly openFilesLimit: number | undefined
}

export interface LookingUnit {
  readonly looksAt: string // one line for the documentation: what it looks at
  readonly example: string // what may stand behind the colon
  /** Looks at nothing yet. Throws a Fault (exit 64) for a name that cannot be one. */
  open(name: string, around: Surroundings): Looking
}

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv
}

function isLookingUnit(value: unknown): value is LookingUnit {
  const unit = value as Partial<LookingUnit> | undefined
  return typeof unit?.looksAt === 'string' && typeof unit.example === 'string' && typeof unit.open === 'function'
}

const LOOKING = fileURLToPath(new URL('looking', import.meta.url))

/** Opens the looking side of `docker:orders`. Throws a Fault (exit 64) for what is no supervisor. */
export async function openLooking(supervisor: string, around: Surroundings = process): Promise<Looking> {
  const { kind, name } = await parseSupervisor(supervisor, LOOKING)
  const unit = (await loadUnits(LOOKING, isLookingUnit, kind)).get(kind)
  if (unit === undefined) throw wrongSupervisor(supervisor, 'there is no such supervisor', '')
  return unit.open(name, around)
}

/** The two halves of `docker:orders`; `folder` holds the kinds that there are. */
export async function parseSupervisor(supervisor: string, folder: string): Promise<{ kind: string; name: string }> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  const kinds = files.map((file) => file.slice(0, -'.ts'.length)).toSorted()
  const [, kind = '', name = ''] = /^([^:]*):(.*)$/s.exec(supervisor) ?? []
  const all = `Known: ${kinds.map((each) => `${each}:NAME`).join(', ')}`
  if (kind === '' || name === '') throw wrongSupervisor(supervisor, 'it is not SUPERVISOR:NAME', all)
  if (kind === 'kubernetes') throw wrongSupervisor(supervisor, 'Kubernetes is not built yet', all)
  if (!kinds.includes(kind)) {
    const meant = nearest(kind, kinds)
    const hint = meant === undefined ? all : `Did you mean ${meant}:${name}? ${all}`
    throw wrongSupervisor(supervisor, `"${kind}" is not a supervisor that Respite speaks to`, hint)
  }
  return { kind, name }
}

function wrongSupervisor(supervisor: string, why: string, hint: string): Fault {
  return new Fault({ doing: 'reading the supervisor', target: supervisor, why, hint, exit: 64, retryable: false })
}
