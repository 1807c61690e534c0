// How often each command ran, how long it took in all, how often it was refused before it ran (ACL, memory, arity) and
// how often it failed while it ran (WRONGTYPE).

import type { Collector } from '../collector.ts'
import { remember } from '../series-cache.ts'
import { counter, labelText, seriesOf } from '../series.ts'

const calls = counter('redis_commands_total', 'Calls of the command.')
const seconds = counter('redis_commands_duration_seconds_total', 'Seconds spent in the command.')
const rejected = counter('redis_commands_rejected_calls_total', 'Calls refused before the command ran.')
const failed = counter('redis_commands_failed_calls_total', 'Calls that failed while the command ran.')

const seriesOfCommand = remember((cmd) => {
  const labels = labelText({ cmd })
  return {
    calls: seriesOf(calls, labels),
    seconds: seriesOf(seconds, labels),
    rejected: seriesOf(rejected, labels),
    failed: seriesOf(failed, labels),
  }
})

export default {
  asks: 'Calls, time, refusals and failures of each command.',
  on: 'both',
  start() {
    return ({ commands }, out) => {
      for (const stats of commands.all) {
        const series = seriesOfCommand(stats.cmd)
        out.add(series.calls, stats.calls)
        out.add(series.seconds, stats.usec / 1e6)
        if (stats.rejected !== undefined) out.add(series.rejected, stats.rejected)
        if (stats.failed !== undefined) out.add(series.failed, stats.failed)
      }
    }
  },
} satisfies Collector
