// Which server this is: version, role, run id, and since when it runs.

import type { Collector } from '../collector.ts'
import { startLabels } from '../label-fields.ts'
import { parseNumber } from '../number.ts'
import { gauge, seriesOf } from '../series.ts'

const instance = gauge('redis_instance_info', 'Always 1; the labels tell which server this is.')
const startTime = seriesOf(gauge('redis_start_time_seconds', 'When the server started, as Unix time.'))
const hz = seriesOf(gauge('redis_hz', 'Runs of the background work a second, now.'))
const configuredHz = seriesOf(gauge('redis_configured_hz', 'Runs of the background work a second, as configured.'))

// In the order of the exposition; those that a server does not have stay empty, as in redis_exporter.
const LABELS = [
  'master_replid',
  'maxmemory_policy',
  'os',
  'process_id',
  'redis_build_id',
  'redis_mode',
  'redis_version',
  'role',
  'run_id',
  'tcp_port',
]
const VALKEY_LABELS = ['valkey_release_stage', 'valkey_version'] // these are absent where INFO does not have them

export default {
  asks: 'Which server this is, its version, and since when it runs.',
  on: 'both',
  start() {
    const labels = startLabels(instance, VALKEY_LABELS, LABELS)
    let started = 0
    return ({ info, now }, out) => {
      const series = labels(info)
      if (series !== undefined) out.add(series, 1)
      const uptime = parseNumber(info.get('uptime_in_seconds'))
      if (uptime !== undefined) {
        const start = Math.floor(now / 1_000) - uptime
        if (Math.abs(start - started) > 1) started = start // two clocks that tick at different moments jitter by 1
        out.add(startTime, started)
      }
      const [current, configured] = [parseNumber(info.get('hz')), parseNumber(info.get('configured_hz'))]
      if (current !== undefined) out.add(hz, current)
      if (configured !== undefined) out.add(configuredHz, configured)
    }
  },
} satisfies Collector
