// Respite's own health as series, under the names that every Prometheus client uses for a process.

import { counter, gauge, labelText, seriesOf, Snapshot } from './series.ts'
import type { HistoryStats } from './history.ts'

const build = gauge('respite_build_info', 'The version of Respite and of Node, in labels.')
const cpu = seriesOf(counter('process_cpu_seconds_total', 'Seconds of CPU that Respite has used, user and system.'))
const memory = seriesOf(gauge('process_resident_memory_bytes', 'Memory that Respite holds.'))
const startedAt = seriesOf(gauge('process_start_time_seconds', 'Unix time at which Respite was started.'))
const series = seriesOf(gauge('respite_history_series', 'Series held in memory.'))
const samples = seriesOf(gauge('respite_history_samples', 'Samples held in memory.'))
const bytes = seriesOf(gauge('respite_history_bytes', 'Bytes that these samples take.'))
const clockSteps = seriesOf(
  counter('respite_clock_steps_total', 'How often a sample came before its predecessor: the clock was set back.'),
)

const START_SECONDS = Math.round(Date.now() / 1000 - process.uptime())

export function processSnapshot(held: HistoryStats, version: string, nowMs: number): Snapshot {
  const snapshot = new Snapshot(nowMs)
  const { user, system } = process.cpuUsage()
  snapshot.add(seriesOf(build, labelText({ node: process.version, version })), 1)
  snapshot.add(cpu, (user + system) / 1e6)
  snapshot.add(memory, process.memoryUsage.rss())
  snapshot.add(startedAt, START_SECONDS)
  snapshot.add(series, held.series)
  snapshot.add(samples, held.samples)
  snapshot.add(bytes, held.bytes)
  snapshot.add(clockSteps, held.clockSteps)
  return snapshot
}
