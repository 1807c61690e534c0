// Settings of the operating system that a server is better off with. Advice: each of them costs nothing until the day on
// which it does. Huge pages, the queue of new connections and open files are faults of their own.

import { formatBytes } from '../../lib/units.ts'
import type { Fact, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { setting, settingNumber } from '../readings/reading.ts'

const SWAPPY = 60 // more than the usual
const SLOW_CLOCKS = new Set(['xen', 'hpet', 'acpi_pm']) // Source: checkClocksource of Redis src/syscheck.c
const ROOM_TO_FORK = 1.5

export default {
  asks: 'Could the operating system be set better for a server like this?',

  look(server) {
    const advice = adviceFor(server)
    if (advice.length === 0) return undefined
    return {
      kind: 'advice',
      severity: 'info',
      says: `On the machine of ${server.id}: ${advice.map(({ says }) => says).join('; ')}.`,
      first: 'What is set with sysctl holds until the machine starts again; put it into /etc/sysctl.d, too.',
      evidence: advice.map(({ fact }) => fact),
    }
  },
} satisfies ServerCheck

interface Advice {
  readonly says: string
  readonly fact: Fact
}

function adviceFor(server: ServerEvidence): Advice[] {
  const { kernel, process } = server
  if (kernel === undefined) return []
  const { overcommitMemory, swappiness, clocksource, swapTotalBytes = 0 } = kernel
  const found: Advice[] = []
  if (overcommitMemory !== undefined && overcommitMemory !== 1 && forks(server))
    found.push({
      says: 'a snapshot may be refused its memory (sysctl vm.overcommit_memory=1 permits it)',
      fact: { source: '/proc/sys/vm', name: 'overcommit_memory', value: String(overcommitMemory) },
    })
  if (swappiness !== undefined && swappiness > SWAPPY && swapTotalBytes > 0)
    found.push({
      says: `the kernel swaps early (vm.swappiness ${swappiness}; 1 is usual for a server like this)`,
      fact: { source: '/proc/sys/vm', name: 'swappiness', value: String(swappiness) },
    })
  if (clocksource !== undefined && SLOW_CLOCKS.has(clocksource))
    found.push({
      says: `its clock is slow to read (${clocksource}; tsc is fast), and a server reads it with every command`,
      fact: { source: '/sys/devices/system/clocksource', name: 'current_clocksource', value: clocksource },
    })
  const limit = process?.memoryLimitBytes
  const most = settingNumber(server, 'maxmemory') ?? 0
  if (limit !== undefined && most > 0 && limit < ROOM_TO_FORK * most && forks(server))
    found.push({
      says: `its control group allows ${formatBytes(limit)} for a maxmemory of ${formatBytes(most)}: while it saves, it may want half as much again`,
      fact: { source: 'its control group', name: 'memory limit', value: formatBytes(limit) },
    })
  return found
}

/** Does it save, or feed replicas? One that never forks does not need the room. */
function forks(server: ServerEvidence): boolean {
  const save = setting(server, 'save')
  const isPlain = save === '' && setting(server, 'appendonly') === 'no'
  return save !== undefined && !(isPlain && Number(server.info?.fields['connected_slaves'] ?? 0) === 0)
}
