// The server's own latency monitor: the last spike of each kind of event. Empty until latency-monitor-threshold is set.

import type { Collector } from '../collector.ts'
import { remember } from '../series-cache.ts'
import { gauge, labelText, seriesOf } from '../series.ts'

const last = gauge('redis_latency_spike_last', 'When the last spike of the event was, as Unix time.')
const duration = gauge('redis_latency_spike_duration_seconds', 'How long the last spike of the event was.')
const longest = gauge('redis_latency_spike_max_duration_seconds', 'How long the longest spike of the event was.')

const seriesOfEvent = remember((event) => {
  const labels = labelText({ event_name: event })
  return { last: seriesOf(last, labels), duration: seriesOf(duration, labels), longest: seriesOf(longest, labels) }
}, 256)

export default {
  asks: 'The last latency spike of each event (LATENCY LATEST).',
  on: 'server',
  start() {
    return async ({ ask }, out) => {
      const reply = await ask('LATENCY', 'LATEST')
      if (!Array.isArray(reply)) return
      for (const event of reply) {
        if (!Array.isArray(event)) continue
        const [name, at, lastMs, longestMs] = event
        const series = seriesOfEvent(String(name))
        out.add(series.last, Number(at))
        out.add(series.duration, Number(lastMs) / 1e3)
        out.add(series.longest, Number(longestMs) / 1e3)
      }
    }
  },
} satisfies Collector
