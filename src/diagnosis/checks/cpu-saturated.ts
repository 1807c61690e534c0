// The one thread that executes commands has no time left: none of them is slow, there are too many, or one that is asked
// too often. Everybody queues, and latency rises for all alike.

import { formatCount } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { commandLoads, keptFromRunning, loadFact, mainThreadShare, percent } from '../readings/processor-load.ts'
import { infoRate, settingFact } from '../readings/reading.ts'

const FULL = 0.85 // of the time it runs, or would
const MINE = 0.5 // of a core: below this it is others that use the processor

export default {
  asks: 'Is the thread that executes commands at its limit?',

  look(server) {
    const share = mainThreadShare(server)
    if (share === undefined) return undefined
    const kept = keptFromRunning(server)
    // Ready to run all the time, and running for most of it: others that want the same processor do not change the cause.
    const wanted = Math.max(share, server.process?.cpuShare ?? 0) + (kept?.delayShare ?? 0)
    if (share < MINE || wanted < FULL || (kept?.throttledPeriods ?? 0) > 0) return undefined
    const loads = commandLoads(server)
    const [first] = loads
    const perSecond = infoRate(server, 'total_commands_processed') ?? 0
    const most =
      first === undefined || first.share < share / 3
        ? 'no single command takes most of it'
        : `${first.name} alone takes ${percent(first.share / share)} of it, ${formatCount(first.perSecond)} times a second`
    return {
      kind: 'fault',
      severity: 'warning',
      says: `The thread that executes commands is at its limit: ${percent(Math.min(1, share))} of a core for ${formatCount(perSecond)} commands a second; ${most}.`,
      first:
        'Let replicas answer reads, cache what is asked most in the application, and look at the slowest commands; one server has one such thread, so beyond it: Cluster.',
      evidence: [
        { source: 'INFO cpu', name: 'the main thread', value: percent(share) },
        ...loads.slice(0, 3).map(loadFact),
        ...(server.config === undefined ? [] : [settingFact(server, 'io-threads')]),
      ],
      ruledOut: [
        { check: 'busy-script', by: 'it answers between commands' },
        ...(kept === undefined
          ? []
          : [
              {
                check: 'cpu-starved',
                by: `it gets its processor: it waited for one ${percent(kept.delayShare)} of the time`,
              },
            ]),
      ],
      alerts: ['RedisCpuHigh', 'RedisLatencyHigh', 'RedisCommandsHigh'],
      actions: [],
    }
  },
} satisfies ServerCheck
