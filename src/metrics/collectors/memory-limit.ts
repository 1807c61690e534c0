// The memory limit that binds a server: maxmemory, the limit of its cgroup, or what the host has, whichever is smallest.
// With maxmemory 0 a server is not without a limit; the kernel has one, and ends the process there.
//
// A cgroup is only known of a process on this machine. INFO names the process; that it is the same one, and not another
// machine's with the same number, shows in its name and in the moment of its start.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Info } from '../../redis/info.ts'
import type { Collector } from '../collector.ts'
import { parseNumber } from '../number.ts'
import { gauge, labelText, seriesOf } from '../series.ts'

const limitBytes = gauge('respite_memory_limit_bytes', 'The memory limit that binds, and in `limit` whose it is.')
const maxmemory = seriesOf(limitBytes, labelText({ limit: 'maxmemory' }))
const cgroup = seriesOf(limitBytes, labelText({ limit: 'cgroup' }))
const host = seriesOf(limitBytes, labelText({ limit: 'host' }))

const LOOK_AGAIN_MS = 30_000
const SAME_START_SECONDS = 3 // uptime and boot time are both cut to seconds
const TICKS_PER_SECOND = 100 // USER_HZ, the same on every Linux that Node runs on

export default {
  asks: 'The memory limit that binds: maxmemory, cgroup or host.',
  on: 'server',
  start() {
    let lookedAt = -Infinity
    let cgroupBytes: number | undefined
    return ({ info, now }, out) => {
      if (now - lookedAt >= LOOK_AGAIN_MS || now < lookedAt) {
        cgroupBytes = cgroupLimit(info, now)
        lookedAt = now
      }
      let binding = maxmemory
      let bytes = parseNumber(info.get('maxmemory')) || Infinity // 0 is none
      if (cgroupBytes !== undefined && cgroupBytes < bytes) [binding, bytes] = [cgroup, cgroupBytes]
      const hostBytes = parseNumber(info.get('total_system_memory')) || Infinity
      if (hostBytes < bytes) [binding, bytes] = [host, hostBytes]
      if (bytes < Infinity) out.add(binding, bytes)
    }
  },
} satisfies Collector

function cgroupLimit(info: Info, now: number): number | undefined {
  const pid = parseNumber(info.get('process_id'))
  const uptime = parseNumber(info.get('uptime_in_seconds'))
  if (process.platform !== 'linux' || pid === undefined || uptime === undefined) return undefined
  try {
    const started = startOf(pid)
    const isServer = /redis|valkey|keydb/i.test(readFileSync(`/proc/${pid}/comm`, 'utf8'))
    if (!isServer || Math.abs(now / 1000 - uptime - started) > SAME_START_SECONDS) return undefined
    const limits = cgroupFiles(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).map(readLimit)
    const least = Math.min(...limits)
    return Number.isFinite(least) ? least : undefined
  } catch {
    return undefined // not on this machine, or just ended: the other limits count
  }
}

/** Unix seconds. Field 22 of /proc/PID/stat is the start in ticks since boot; the name before it may hold spaces. */
function startOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  const boot = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1])
  return boot + ticks / TICKS_PER_SECOND
}

/** The files that hold a limit for this process: its cgroup's and those of all above it. */
function cgroupFiles(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (path === undefined) return []
    if (controllers === '') return upwards(path).map((folder) => join('/sys/fs/cgroup', folder, 'memory.max'))
    if (controllers?.split(',').includes('memory') !== true) return []
    return upwards(path).map((folder) => join('/sys/fs/cgroup/memory', folder, 'memory.limit_in_bytes'))
  })
}

function upwards(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [path] : [path, ...upwards(parent)]
}

const NONE_BYTES = 2 ** 62 // cgroup v1 writes a number near 2^63 for no limit

function readLimit(file: string): number {
  try {
    const text = readFileSync(file, 'utf8').trim()
    const bytes = text === 'max' ? Infinity : Number(text)
    return bytes > 0 && bytes < NONE_BYTES ? bytes : Infinity
  } catch {
    return Infinity // a level without the file has no limit of its own
  }
}
