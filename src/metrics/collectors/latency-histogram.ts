// How long commands take: the histogram of each command since the start of the server, and the 99th percentile of what
// ran since the last sample, for each command and for all of them together (Redis 7 and later).

import type { Reply } from '../../redis/connection.ts'
import type { Collector } from '../collector.ts'
import type { CommandStats } from '../command-table.ts'
import { addWindow, quantileUs, windowBetween, windowOf, type Histogram } from '../latency-window.ts'
import { remember } from '../series-cache.ts'
import { family, gauge, labelText, seriesOf, type Series, type Snapshot } from '../series.ts'

const latencies = family('redis_commands_latencies_usec', 'histogram', 'Microseconds of the command, since the start.')
const commandP99 = gauge('respite_command_latency_seconds', 'Latency of the command since the last sample.')
const overallP99 = seriesOf(
  gauge('respite_latency_p99_seconds', 'Latency that 99 % of all commands since the last sample stayed below.'),
)

/** What watching itself sends is not the latency that users see; on a quiet server it would be all there is. */
const OURS =
  /^(info|ping|hello|auth|scan|role|time|llen|zcard|xlen|hlen|type|select|(config|client|latency|slowlog|cluster|commandlog|memory|acl|module)\|.*|replconf|psync)$/

const seriesOfCommand = remember((cmd) => {
  const labels = labelText({ cmd })
  return {
    isOurs: OURS.test(cmd),
    sum: seriesOf(latencies, labels, '_sum'),
    count: seriesOf(latencies, labels, '_count'),
    infinite: seriesOf(latencies, labelText({ cmd, le: '+Inf' }), '_bucket'),
    p99: seriesOf(commandP99, labelText({ cmd, quantile: '0.99' })),
    buckets: new Map<number, Series>(),
  }
})

/** When most commands have run, the whole list is the shorter answer; and it is asked for ahead of INFO, so it stays with
 *  that for a while and does not wait to learn which ones they are. */
const WHOLE_LISTS = 12

interface Counted extends Histogram {
  readonly cmd: string
  readonly series: ReturnType<typeof seriesOfCommand>
  readonly calls: number // of commandstats, when the histogram was asked for
  readonly buckets: readonly Series[] // one for each bound
}

export default {
  asks: 'The latency of commands, as histograms and as p99 since the last sample.',
  on: 'server',
  start() {
    let before: ReadonlyMap<string, Counted> = new Map()
    let wholeLists = 0
    return async ({ commands: stats, ask }, out) => {
      const names = namesToAsk(stats, before)
      if (names.length * 2 > stats.size) wholeLists = WHOLE_LISTS
      const reply = names.length === 0 ? [] : await ask('LATENCY', 'HISTOGRAM', ...(wholeLists > 0 ? [] : names))
      wholeLists -= 1
      const now = takeHistograms(reply, stats, before)
      for (const histogram of now.values()) addHistogram(histogram, stats, out)
      // Behind all that stays, since other commands run each time.
      const all = new Map<number, number>()
      for (const histogram of before.size === 0 ? [] : now.values()) {
        const earlier = before.get(histogram.cmd)
        if (histogram !== earlier) addP99(earlier, histogram, all, out)
      }
      const us = quantileUs(windowOf(all), 0.99)
      if (us !== undefined) out.add(overallP99, us / 1e6)
      before = now
    }
  },
} satisfies Collector

type Stats = ReadonlyMap<string, CommandStats>

/** Only commands that ran since the last sample have another histogram. */
function namesToAsk(stats: Stats, before: ReadonlyMap<string, Counted>): string[] {
  const names: string[] = []
  for (const { cmd, calls } of stats.values()) if (before.get(cmd)?.calls !== calls) names.push(cmd)
  return names
}

function addP99(earlier: Counted | undefined, now: Counted, all: Map<number, number>, out: Snapshot): void {
  const window = windowBetween(earlier, now)
  const us = quantileUs(window, 0.99)
  if (us === undefined) return
  out.add(now.series.p99, us / 1e6)
  if (!now.series.isOurs) addWindow(all, window)
}

function addHistogram({ cmd, series, counts, buckets }: Counted, stats: Stats, out: Snapshot): void {
  for (let at = 0; at < buckets.length; at += 1) out.add(buckets[at] as Series, counts[at] as number)
  const calls = counts.at(-1) ?? 0
  out.add(series.infinite, calls)
  out.add(series.sum, stats.get(cmd)?.usec ?? 0) // the histogram itself has no sum
  out.add(series.count, calls)
}

function bucketOf(cmd: string, boundUs: number): Series {
  const { buckets } = seriesOfCommand(cmd)
  let bucket = buckets.get(boundUs)
  if (bucket === undefined) {
    bucket = seriesOf(latencies, labelText({ cmd, le: String(boundUs) }), '_bucket')
    buckets.set(boundUs, bucket)
  }
  return bucket
}

/** What was answered, and what was known of the commands that were not asked for. Answers come in the order of the last
 *  ones, which saves looking commands up; and a histogram that got no new bucket only gets new counts. */
function takeHistograms(reply: Reply, stats: Stats, before: ReadonlyMap<string, Counted>): Map<string, Counted> {
  const now = new Map<string, Counted>()
  const inOrder = before.values()
  for (let at = 0; Array.isArray(reply) && at + 1 < reply.length; at += 2) {
    const [name, details] = [reply[at], reply[at + 1]]
    const guess = inOrder.next().value
    const earlier = guess?.cmd === name ? guess : before.get(String(name))
    const cmd = earlier?.cmd ?? String(name)
    const calls = stats.get(cmd)?.calls ?? 0
    const flat = Array.isArray(details) ? details[3] : undefined // "calls", N, "histogram_usec", [bound, count, …]
    if (earlier?.calls === calls) now.set(cmd, earlier)
    else if (Array.isArray(flat)) now.set(cmd, count(cmd, calls, flat, earlier))
  }
  for (const [cmd, known] of before) if (!now.has(cmd) && stats.get(cmd)?.calls === known.calls) now.set(cmd, known)
  return now
}

/** `flat` is bound, count, bound, count, … */
function count(cmd: string, calls: number, flat: readonly Reply[], earlier: Counted | undefined): Counted {
  const counts = new Array<number>(flat.length / 2)
  let isSame = earlier?.boundsUs.length === flat.length / 2
  for (let at = 0; at + 1 < flat.length; at += 2) {
    isSame &&= earlier?.boundsUs[at / 2] === flat[at]
    counts[at / 2] = Number(flat[at + 1])
  }
  const known = isSame ? earlier : undefined
  const boundsUs = known?.boundsUs ?? counts.map((_count, at) => Number(flat[2 * at]))
  const buckets = known?.buckets ?? boundsUs.map((bound) => bucketOf(cmd, bound))
  return { cmd, calls, series: known?.series ?? seriesOfCommand(cmd), boundsUs, counts, buckets }
}
