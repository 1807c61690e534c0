// One process of this machine, as /proc and its control group show it: for a process that nobody supervises, and for one
// in a container or a unit whose pid its supervisor named. It reads synchronously, since /proc is memory.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Resources } from './supervisor.ts'

/** A file of /proc/PID, '' when it is gone or not ours to read. */
export function procText(pid: number, name: string): string {
  return readText(`/proc/${pid}/${name}`)
}

export interface ProcStat {
  readonly state: string // R S D T t Z
  readonly startTicks: string // tells one process from a later one of the same pid
  readonly startedMs: number // epoch
}

const TICKS_PER_SECOND = 100 // USER_HZ, the same on every Linux that Node runs on

/** Undefined: there is no such process. */
export function procStat(pid: number): ProcStat | undefined {
  const text = procText(pid, 'stat')
  if (text === '') return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ') // the name in parentheses may hold spaces
  const startTicks = fields[19] ?? '0' // field 22 of proc(5)
  const bootSeconds = Number(/^btime (\d+)$/m.exec(readText('/proc/stat'))?.[1] ?? 0)
  const startedMs = bootSeconds * 1_000 + (Number(startTicks) * 1_000) / TICKS_PER_SECOND
  return { state: fields[0] ?? '', startTicks, startedMs }
}

/** The words of its command line; after a server has given itself a title, the words of that. */
export function procCommand(pid: number): string[] {
  return procText(pid, 'cmdline').replace(/\0+$/, '').split('\0')
}

/** Where a link of /proc/PID leads: `cwd`, `exe`, `fd/1`; undefined when it cannot be read. */
export function procLink(pid: number, name: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/${name}`)
  } catch {
    return undefined // gone, or of another user
  }
}

export function procResources(pid: number): Resources {
  const limit = /^Max open files\s+(\d+)/m.exec(procText(pid, 'limits'))?.[1]
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(procText(pid, 'status'))?.[1]
  const group = controlGroupOf(pid)
  return {
    memoryLimitBytes: group.memoryLimitBytes,
    memoryUsedBytes: group.memoryUsedBytes ?? (resident === undefined ? undefined : Number(resident) * 1024),
    cpuLimitCores: group.cpuLimitCores,
    openFiles: countDescriptors(pid),
    openFilesLimit: limit === undefined ? undefined : Number(limit),
  }
}

function countDescriptors(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return undefined // of another user
  }
}

/** What its control group counted: periods in which it was held back for its CPU quota, and processes killed for want of memory. */
export interface GroupFigures {
  readonly throttledPeriods: number | undefined
  readonly oomKills: number | undefined
}

export function groupFigures(pid: number): GroupFigures {
  const paths = groupPaths(pid)
  const [memory, cpu, unified] = [paths.get('memory'), paths.get('cpu') ?? paths.get('cpu,cpuacct'), paths.get('')]
  const cpuStat = cpu === undefined ? `/sys/fs/cgroup${unified ?? ''}/cpu.stat` : `/sys/fs/cgroup/cpu${cpu}/cpu.stat`
  const oom =
    memory === undefined
      ? `/sys/fs/cgroup${unified ?? ''}/memory.events`
      : `/sys/fs/cgroup/memory${memory}/memory.oom_control`
  return { throttledPeriods: wordIn(cpuStat, 'nr_throttled'), oomKills: wordIn(oom, 'oom_kill') }
}

/** The number behind a name, in a file of such lines. */
function wordIn(file: string, name: string): number | undefined {
  const value = new RegExp(`^${name} (\\d+)$`, 'm').exec(readText(file))?.[1]
  return value === undefined ? undefined : Number(value)
}

type GroupLimits = Pick<Resources, 'memoryLimitBytes' | 'memoryUsedBytes' | 'cpuLimitCores'>

/** The path of its control group by controllers; '' is version 2. */
function groupPaths(pid: number): Map<string, string> {
  return new Map(
    procText(pid, 'cgroup')
      .trim()
      .split('\n')
      .map((line): [string, string] => {
        const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
        return [controllers, path]
      }),
  )
}

/** Of its own control group, not of those above it: version 2 (`0::/path`), or version 1 where memory is one of its own. */
function controlGroupOf(pid: number): GroupLimits {
  const paths = groupPaths(pid)
  const memory = paths.get('memory')
  const cpu = paths.get('cpu') ?? paths.get('cpu,cpuacct')
  const unified = paths.get('')
  if (memory !== undefined) {
    const group = join('/sys/fs/cgroup/memory', memory)
    const cpuGroup = cpu === undefined ? undefined : join('/sys/fs/cgroup/cpu', cpu)
    const quota = cpuGroup === undefined ? undefined : numberIn(join(cpuGroup, 'cpu.cfs_quota_us'))
    const period = cpuGroup === undefined ? undefined : numberIn(join(cpuGroup, 'cpu.cfs_period_us'))
    return {
      memoryLimitBytes: limitIn(join(group, 'memory.limit_in_bytes')),
      memoryUsedBytes: memory === '/' ? undefined : numberIn(join(group, 'memory.usage_in_bytes')),
      cpuLimitCores: quota === undefined || quota <= 0 || period === undefined ? undefined : quota / period,
    }
  }
  const group = join('/sys/fs/cgroup', unified ?? '/')
  const [quota, period] = readText(join(group, 'cpu.max')).trim().split(' ').map(Number)
  return {
    memoryLimitBytes: limitIn(join(group, 'memory.max')),
    memoryUsedBytes: unified === undefined || unified === '/' ? undefined : numberIn(join(group, 'memory.current')),
    cpuLimitCores:
      quota === undefined || period === undefined || !(quota > 0) || !(period > 0) ? undefined : quota / period,
  }
}

const NO_LIMIT_BYTES = 2 ** 60 // version 1 writes about 2^63 for none

function limitIn(file: string): number | undefined {
  const value = numberIn(file)
  return value === undefined || value >= NO_LIMIT_BYTES ? undefined : value
}

function numberIn(file: string): number | undefined {
  const text = readText(file).trim()
  return /^-?\d+$/.test(text) ? Number(text) : undefined
}

/** The systemd service that a process belongs to, by its control group. */
export function unitOf(pid: number): string | undefined {
  return /^\d+:(?:name=systemd)?:\/system\.slice\/(?:.*\/)?([^/]+)\.service$/m.exec(procText(pid, 'cgroup'))?.[1]
}

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // gone meanwhile, not ours to read, or not Linux as we know it
  }
}
