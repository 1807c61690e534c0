// `process:PID`: a process of this machine that nobody else is asked about. It has no memory: a process that has ended
// says no more than that, and its log can be read only where its standard output is a file.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../lib/fault.ts'
import { redactArguments } from '../../redis/redact.ts'
import type { LogLine } from '../../redis/server-log.ts'
import { place, placeHere, placesOf } from '../places.ts'
import { procCommand, procLink, procResources, procStat, unitOf } from '../proc.ts'
import { logFileLines } from '../read-lines.ts'
import {
  NOT_KNOWN,
  type KnownPlaces,
  type Looking,
  type LookingUnit,
  type Place,
  type Places,
  type SupervisedState,
} from '../supervisor.ts'

export default {
  looksAt: 'a process of this machine, by its number',
  example: 'process:4711',

  open(name) {
    const pid = Number(name)
    if (!/^\d+$/.test(name) || pid < 1)
      throw new Fault({
        doing: 'reading the supervisor',
        target: `process:${name}`,
        why: 'it is not the number of a process',
        hint: 'Write process:PID; INFO server says the process_id of a server that answers.',
        exit: 64,
        retryable: false,
      })
    return lookingAt(pid)
  },
} satisfies LookingUnit

function lookingAt(pid: number): Looking {
  const shown = `process:${pid}`
  const demandLinux = (): void => {
    if (process.platform !== 'linux')
      throw cannot(shown, 'only Linux shows processes in /proc', 'Name what started it.')
  }
  const demandAlive = (): void => {
    demandLinux()
    if (procStat(pid) === undefined)
      throw cannot(shown, 'there is no such process', 'It has ended, or has another number.')
  }
  return {
    shown,
    async state() {
      demandLinux()
      return stateOf(pid)
    },
    async places(known = {}) {
      demandAlive()
      return placesOfProcess(pid, known)
    },
    async place(inside) {
      demandAlive()
      return placeSeenBy(pid, inside)
    },
    async resources() {
      demandAlive()
      return procResources(pid)
    },
    async *log(sinceMs) {
      demandAlive()
      yield* outputOf(pid, shown, sinceMs)
    },
  }
}

function stateOf(pid: number): SupervisedState {
  const stat = procStat(pid)
  if (stat === undefined) return { ...NOT_KNOWN, is: 'absent', says: 'there is no such process' }
  if (stat.state === 'Z') return { ...NOT_KNOWN, is: 'stopped', says: 'it has ended, and its parent has not asked how' }
  const isHeld = stat.state === 'T' || stat.state === 't'
  return {
    ...NOT_KNOWN,
    is: isHeld ? 'paused' : 'running',
    says: `state ${stat.state}`,
    sinceMs: isHeld ? undefined : stat.startedMs,
    pid,
    command: redactArguments(procCommand(pid)),
  }
}

/** A server works in its data directory, so that this is known where the process may be looked into. */
function placesOfProcess(pid: number, known: KnownPlaces): Places {
  const started = { command: procCommand(pid), workingDir: undefined, dataDir: procLink(pid, 'cwd') }
  return placesOf(started, known, (inside) => placeSeenBy(pid, inside))
}

function placeSeenBy(pid: number, inside: string): Place {
  const root = procLink(pid, 'root')
  if (root === undefined || root === '/') return placeHere(inside)
  return place(inside, join(`/proc/${pid}/root`, inside), 'it is in a root of its own, which may not be seen')
}

async function* outputOf(pid: number, shown: string, sinceMs: number | undefined): AsyncGenerator<LogLine> {
  const outputs = [...new Set([procLink(pid, 'fd/1'), procLink(pid, 'fd/2')])].filter((path) => path !== undefined)
  const files = outputs.filter((path) => isFile(path))
  if (files.length === 0) {
    const where = outputs.length === 0 ? 'cannot be seen' : `leads to ${outputs.join(' and ')}, which is no file`
    throw cannot(shown, `its standard output ${where}`, hintOf(pid))
  }
  for (const file of files) yield* logFileLines(file, sinceMs)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function hintOf(pid: number): string {
  const unit = unitOf(pid)
  return unit === undefined
    ? 'Whoever started it may have kept it: name that as SUPERVISOR, or a file as --log.'
    : `systemd runs it and keeps what it says: --supervisor systemd:${unit}`
}

function cannot(target: string, why: string, hint: string): Fault {
  return new Fault({ doing: 'looking at', target, why, hint })
}
