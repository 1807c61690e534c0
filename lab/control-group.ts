// A control group for one server: so much memory, so much processor time, and no more. Version 1, which is what a machine
// without systemd has; it lies beside everybody else's and is removed with its server.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface ControlGroup {
  /** Moves the process into it. */
  add(pid: number): void
  /** Changes the limit. */
  set(value: string | number): void
  /** How often it was held back, of `cpu`. */
  throttledPeriods(): number
  /** After its processes have ended. */
  remove(): void
}

const ROOT = '/sys/fs/cgroup'
const FILES = { memory: 'memory.limit_in_bytes', cpu: 'cpu.cfs_quota_us' } as const // of a period of 100 ms

/** Needs root. `cpu` in microseconds of each tenth of a second, `memory` in bytes. */
export function makeControlGroup(controller: keyof typeof FILES, limit: number): ControlGroup {
  if (!existsSync(join(ROOT, controller, 'cgroup.procs')))
    throw new Error(`this machine has no control groups of version 1 for ${controller}`)
  const dir = join(ROOT, controller, `app-${process.pid}`)
  mkdirSync(dir)
  const set = (value: string | number): void => writeFileSync(join(dir, FILES[controller]), String(value))
  set(limit)
  return {
    set,
    add: (pid) => writeFileSync(join(dir, 'cgroup.procs'), String(pid)),
    throttledPeriods: () => Number(/nr_throttled (\d+)/.exec(readFileSync(join(dir, 'cpu.stat'), 'utf8'))?.[1]),
    remove: () => rmdirSync(dir),
  }
}
