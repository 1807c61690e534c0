// The server wants to run and is not let: its control group has used up its quota, other processes have the processor, or
// the host of this virtual machine took it. Every command is slow now and then, those that do next to nothing too.

import type { Fact, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { keptFromRunning, mainThreadShare, percent, type Kept } from '../readings/processor-load.ts'

const WAITS = 0.4 // of the time, ready to run
const STOLEN = 0.1 // of all processors
const MINE = 0.5 // of a core: one that gets that much and wants more is at its own limit

export default {
  asks: 'Is the server kept from running by a quota, by its neighbours, or by its host?',

  look(server) {
    const kept = keptFromRunning(server)
    if (kept === undefined) return undefined
    const share = mainThreadShare(server) ?? server.process?.cpuShare ?? 0
    const why = reasonOf(server, kept, share)
    if (why === undefined) return undefined
    return {
      kind: 'fault',
      severity: 'warning',
      says: `The server wants to run and is kept waiting: ${why}. It got ${percent(share)} of a core.`,
      first:
        'Raise its CPU quota, or move its neighbours (or the server) to another machine; a restart gives it no more.',
      evidence: facts(server, kept),
      ruledOut: [
        ...(share < MINE ? [{ check: 'cpu-saturated', by: `it used only ${percent(share)} of a core` }] : []),
        { check: 'process-stopped', by: 'it runs now and then' },
        { check: 'slow-command', by: 'what it waits for is the processor, before any command begins' },
      ],
      alerts: ['RedisLatencyHigh', 'SlowCommands', 'RedisDown'],
      brings: ['slow-fork', 'slow-command', 'big-key', 'blocking-free'],
      actions: [],
    }
  },
} satisfies ServerCheck

function reasonOf({ process }: ServerEvidence, kept: Kept, share: number): string | undefined {
  const { throttledPeriods, delayShare, stealShare } = kept
  const limit = process?.cpuLimitCores
  if (throttledPeriods > 0)
    return `its control group${limit === undefined ? '' : ` may use ${limit} of a core and`} used up its quota ${throttledPeriods === 1 ? 'once' : `${throttledPeriods} times`} in the moment in which we looked`
  if (stealShare >= STOLEN) return `the host of this machine took ${percent(stealShare)} of all processor time`
  if (delayShare >= WAITS && share < MINE)
    return `for ${percent(delayShare)} of the time it was ready to run and other processes had the processor`
  return undefined
}

function facts({ process, kernel }: ServerEvidence, kept: Kept): Fact[] {
  return [
    { source: 'control group', name: 'nr_throttled, in 0.3 s', value: `+${kept.throttledPeriods}` },
    ...(process?.cpuLimitCores === undefined
      ? []
      : [{ source: 'control group', name: 'quota', value: `${process.cpuLimitCores} of a core` }]),
    { source: `/proc/${process?.pid}/schedstat`, name: 'ready and not running', value: percent(kept.delayShare) },
    ...(kernel?.stealShare === undefined
      ? []
      : [{ source: '/proc/stat', name: 'steal', value: percent(kernel.stealShare) }]),
  ]
}
