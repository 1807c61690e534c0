// What the machine's kernel is set to, and what it has left: the settings that a server warns of at start, memory, swap,
// connections that were dropped before they were accepted, and time that a hypervisor took. Once for all its servers.

import { readText } from '../../supervisors/proc.ts'
import { runProgram } from '../../supervisors/run-program.ts'
import type { KernelSeen } from '../evidence.ts'
import type { Source } from '../source.ts'

export default {
  looksAt: '/proc/sys, /proc/meminfo, /proc/stat, /sys/kernel/mm, the kernel’s log',
  asks: false,

  async look(server) {
    if (!server.local || process.platform !== 'linux') return undefined
    return server.once('kernel', look)
  },
} satisfies Source<'kernel'>

const WINDOW_MS = 300
const DMESG_MS = 1_000

async function look(): Promise<KernelSeen> {
  const before = processorTicks()
  await new Promise((resolve) => setTimeout(resolve, WINDOW_MS))
  const after = processorTicks()
  const memory = readText('/proc/meminfo')
  const all = after.all - before.all
  return {
    overcommitMemory: numberIn('/proc/sys/vm/overcommit_memory'),
    hugePages: /\[(\w+)\]/.exec(readText('/sys/kernel/mm/transparent_hugepage/enabled'))?.[1],
    somaxconn: numberIn('/proc/sys/net/core/somaxconn'),
    swappiness: numberIn('/proc/sys/vm/swappiness'),
    clocksource: readText('/sys/devices/system/clocksource/clocksource0/current_clocksource').trim() || undefined,
    memoryTotalBytes: kiloBytes(memory, 'MemTotal'),
    memoryAvailableBytes: kiloBytes(memory, 'MemAvailable'),
    swapTotalBytes: kiloBytes(memory, 'SwapTotal'),
    swapFreeBytes: kiloBytes(memory, 'SwapFree'),
    listenOverflows: tcpExtra('ListenOverflows'),
    listenDrops: tcpExtra('ListenDrops'),
    stealShare: all === 0 ? undefined : (after.steal - before.steal) / all,
    oomKills: await oomKills(),
  }
}

function numberIn(path: string): number | undefined {
  const text = readText(path).trim()
  return text === '' ? undefined : Number(text)
}

function kiloBytes(text: string, name: string): number | undefined {
  const kB = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]
  return kB === undefined ? undefined : Number(kB) * 1_024
}

/** user nice system idle iowait irq softirq steal … of all processors. Source: proc(5) */
function processorTicks(): { all: number; steal: number } {
  const ticks = (/^cpu\s+(.*)$/m.exec(readText('/proc/stat'))?.[1] ?? '').split(' ').map(Number)
  return { all: ticks.slice(0, 8).reduce((sum, each) => sum + each, 0), steal: ticks[7] ?? 0 }
}

/** A counter of this network namespace: a line of names, and one of values below it. */
function tcpExtra(name: string): number | undefined {
  const [names = '', values = ''] = readText('/proc/net/netstat')
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
  const at = names.split(' ').indexOf(name)
  const value = values.split(' ')[at]
  return at === -1 || value === undefined ? undefined : Number(value)
}

/** Lines of the kernel's log about processes that it killed for want of memory; [] where it may not be read. */
async function oomKills(): Promise<string[]> {
  const { out } = await runProgram('dmesg', ['--ctime'], 'the kernel', DMESG_MS).catch(() => ({ out: '' }))
  return out
    .split('\n')
    .filter((line) => /Out of memory|oom-kill|Killed process|oom_reaper/.test(line))
    .slice(-20)
}
