// The server's process on this machine: its state letter, its processor and memory, its descriptors and limits, its
// control group and its children. A child is a snapshot or a rewrite under way.

import { readdirSync, statSync } from 'node:fs'
import { infoNumber, parseInfo } from '../../redis/info.ts'
import { Fault } from '../../lib/fault.ts'
import { lookAtPid, lookAtProcess, type Sight } from '../../supervisors/look-at-process.ts'
import { groupFigures, procLink, procResources, procStat, procText } from '../../supervisors/proc.ts'
import { openLooking } from '../../supervisors/supervisor.ts'
import type { ChildSeen, ProcessSeen, Seen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

export default {
  looksAt: '/proc of the server’s process, its control group, its children',
  asks: false,
  after: ['info'],

  async look(server, seen) {
    const sight = await sightOf(server, seen)
    if (sight.seen === 'nobody') return undefined // who listens is `listening`; that it has ended is no lack of sight
    if (sight.seen === 'unknown')
      throw new Fault({
        doing: 'looking at the process of',
        target: server.view.id,
        why: sight.why,
        hint: 'run Respite on its machine, or name what starts the server: --supervisor process:PID',
      })
    const { pid, command, state, cpuShare, waitsIn, acceptQueue } = sight.process
    const { openFiles, openFilesLimit, memoryLimitBytes, memoryUsedBytes, cpuLimitCores } = procResources(pid)
    const status = procText(pid, 'status')
    const rollup = procText(pid, 'smaps_rollup')
    const processes = /^Max processes\s+(\d+)/m.exec(procText(pid, 'limits'))?.[1]
    return {
      pid,
      command,
      state,
      cpuShare,
      waitsIn,
      acceptQueue,
      startedMs: procStat(pid)?.startedMs ?? 0,
      uid: Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? 0),
      threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0),
      openFiles,
      openFilesLimit,
      processesLimit: processes === undefined ? undefined : Number(processes),
      residentBytes: kiloBytes(status, 'VmRSS') ?? 0,
      swapBytes: kiloBytes(status, 'VmSwap') ?? 0,
      hugePageBytes: kiloBytes(rollup, 'AnonHugePages'),
      memoryLimitBytes,
      memoryUsedBytes,
      cpuLimitCores,
      outputs: outputsOf(pid),
      ...(await moved(pid)),
    } satisfies ProcessSeen
  },
} satisfies Source<'process'>

/** Who listens there; behind a container's port, whom its supervisor names. */
async function sightOf({ view, local, supervisor, remembered }: ServerAtHand, { info }: Partial<Seen>): Promise<Sight> {
  const { address } = view
  if (!local) return { seen: 'unknown', why: 'the server is on another machine' }
  const own =
    info === undefined ? undefined : infoNumber(parseInfo(`process_id:${info.fields['process_id']}\n`), 'process_id')
  const where = address.path === undefined ? { host: address.host, port: address.port } : { path: address.path }
  const sight = await lookAtProcess(where, own ?? remembered.pid)
  if (sight.seen === 'process' || supervisor === undefined) return sight
  const { pid } = await (await openLooking(supervisor)).state()
  return pid === undefined ? sight : lookAtPid(pid)
}

const WINDOW_MS = 300 // three periods of a control group

/** What its scheduler and its control group did to it in a moment. */
async function moved(
  pid: number,
): Promise<Pick<ProcessSeen, 'runDelayShare' | 'throttledPeriods' | 'oomKills' | 'children'>> {
  const before = { delay: runDelayNs(pid), ...groupFigures(pid) }
  const busyBefore = new Map(childPids(pid).map((child) => [child, runTimeNs(child)]))
  const started = performance.now()
  await new Promise((resolve) => setTimeout(resolve, WINDOW_MS))
  const after = { delay: runDelayNs(pid), ...groupFigures(pid) }
  const wallNs = (performance.now() - started) * 1e6
  const children = childPids(pid).flatMap((child) => childOf(child, busyBefore.get(child), wallNs))
  const { oomKills } = after
  return {
    oomKills,
    children,
    runDelayShare:
      before.delay === undefined || after.delay === undefined ? undefined : (after.delay - before.delay) / wallNs,
    throttledPeriods:
      before.throttledPeriods === undefined || after.throttledPeriods === undefined
        ? undefined
        : after.throttledPeriods - before.throttledPeriods,
  }
}

/** The time that its main thread was ready and had no processor. Source: Linux Documentation/scheduler/sched-stats.rst */
function runDelayNs(pid: number): number | undefined {
  return schedNs(pid, 1)
}

/** The time that its main thread ran. */
function runTimeNs(pid: number): number | undefined {
  return schedNs(pid, 0)
}

function schedNs(pid: number, column: 0 | 1): number | undefined {
  const text = procText(pid, 'schedstat').split(' ')[column]
  return text === undefined || text === '' ? undefined : Number(text)
}

function kiloBytes(text: string, name: string): number | undefined {
  const kB = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]
  return kB === undefined ? undefined : Number(kB) * 1_024
}

/** From the children of each of its threads, where the kernel lists them, which is nearly everywhere. */
function childPids(pid: number): number[] {
  return threadsOf(pid)
    .flatMap((thread) => procText(pid, `task/${thread}/children`).split(' '))
    .filter((text) => text !== '')
    .map(Number)
}

function childOf(pid: number, ranBefore: number | undefined, wallNs: number): ChildSeen[] {
  const state = procStat(pid)?.state
  if (state === undefined) return [] // it has ended meanwhile
  const ran = runTimeNs(pid)
  const waitsIn = procText(pid, 'wchan')
  return [
    {
      pid,
      command: procText(pid, 'comm').trim(),
      state,
      cpuShare: ran === undefined || ranBefore === undefined ? undefined : (ran - ranBefore) / wallNs,
      waitsIn: waitsIn === '' || waitsIn === '0' ? undefined : waitsIn,
    },
  ]
}

/** Where what it says on standard output and error can be read; a pipe or a terminal keeps nothing. */
function outputsOf(pid: number): string[] {
  const files = [procLink(pid, 'fd/1'), procLink(pid, 'fd/2')].filter((path) => path !== undefined)
  return [...new Set(files)].filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return [] // it has ended meanwhile
  }
}
