// How long commands take: the histogram of each command since the start of the server, and the 99th percentile of what
// ran since the last sample, for each command and for all of them together (Redis 7 and later).

import { arrayWithRoom } from '../../lib/room.ts'
import type { Reply } from '../../redis/connection.ts'
import type { Collector } from '../collector.ts'
import type { CommandTable } from '../command-table.ts'
import { LatencyWindow, type Histogram } from '../latency-window.ts'
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
  readonly usec: number // as well
  readonly buckets: readonly Series[] // one for each bound
}

/** What was counted in the last sample. */
interface Known {
  readonly all: readonly Counted[]
  readonly places: ReadonlyMap<string, number> // by command, in `all`
}

const ofCommand = new LatencyWindow()
const ofAll = new LatencyWindow()

export default {
  asks: 'The latency of commands, as histograms and as p99 since the last sample.',
  on: 'server',
  start() {
    let before: Known = { all: [], places: new Map() }
    let wholeLists = 0
    return async ({ commands, ask }, out) => {
      const names = namesToAsk(commands, before)
      if (names.length * 2 > commands.all.length) wholeLists = WHOLE_LISTS
      const reply = names.length === 0 ? [] : await ask('LATENCY', 'HISTOGRAM', ...(wholeLists > 0 ? [] : names))
      wholeLists -= 1
      const now = takeHistograms(reply, commands, before)
      for (const histogram of now) if (histogram !== undefined) addHistogram(histogram, out)
      if (before.all.length > 0) addPercentiles(before.all, now, out) // behind all that stays: other commands run each time
      before = knownOf(now, before)
    }
  },
} satisfies Collector

/** Only commands that ran since the last sample have another histogram. */
function namesToAsk(commands: CommandTable, before: Known): string[] {
  const names: string[] = []
  for (const { cmd, calls } of commands.all) {
    const place = before.places.get(cmd)
    if (place === undefined || before.all[place]?.calls !== calls) names.push(cmd)
  }
  return names
}

/** Of what ran since the last sample; `now` begins with the commands of `before`, each at its place. */
function addPercentiles(before: readonly Counted[], now: readonly (Counted | undefined)[], out: Snapshot): void {
  ofAll.clear()
  for (let at = 0; at < now.length; at += 1) {
    const histogram = now[at]
    if (histogram === undefined || histogram === before[at]) continue
    const us = ofCommand.setBetween(before[at], histogram).quantileUs(0.99)
    if (us === undefined) continue
    out.add(histogram.series.p99, us / 1e6)
    if (!histogram.series.isOurs) ofAll.add(ofCommand)
  }
  const us = ofAll.quantileUs(0.99)
  if (us !== undefined) out.add(overallP99, us / 1e6)
}

function addHistogram({ series, counts, buckets, usec }: Counted, out: Snapshot): void {
  for (let at = 0; at < buckets.length; at += 1) out.add(buckets[at] as Series, counts[at] as number)
  const calls = counts.at(-1) ?? 0
  out.add(series.infinite, calls)
  out.add(series.sum, usec) // the histogram itself has no sum
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

/** What was answered, and what was known of the commands that were not asked for: each where it was, the new ones behind
 *  them. Answers come in the order of the last ones, which saves looking commands up. */
function takeHistograms(reply: Reply, commands: CommandTable, before: Known): (Counted | undefined)[] {
  const now = arrayWithRoom<Counted | undefined>(before.all.length).fill(undefined)
  for (let at = 0, guess = 0; Array.isArray(reply) && at + 1 < reply.length; at += 2, guess += 1) {
    const [name, details] = [String(reply[at]), reply[at + 1]]
    if (before.all[guess]?.cmd !== name) guess = before.places.get(name) ?? now.length
    const flat = Array.isArray(details) ? details[3] : undefined // "calls", N, "histogram_usec", [bound, count, …]
    if (Array.isArray(flat)) now[guess] = count(name, commands, flat, before.all[guess])
  }
  for (let at = 0; at < before.all.length; at += 1) {
    const known = before.all[at] as Counted
    if (now[at] === undefined && commands.get(known.cmd)?.calls === known.calls) now[at] = known
  }
  return now
}

function knownOf(now: readonly (Counted | undefined)[], before: Known): Known {
  const all = now.filter((histogram) => histogram !== undefined)
  const isSame = all.length === now.length && all.length === before.all.length
  return { all, places: isSame ? before.places : new Map(all.map(({ cmd }, at) => [cmd, at])) }
}

/** `flat` is bound, count, bound, count, … A histogram that got no new bucket only gets new counts. */
function count(cmd: string, commands: CommandTable, flat: readonly Reply[], earlier: Counted | undefined): Counted {
  const { calls = 0, usec = 0 } = commands.get(cmd) ?? {}
  if (earlier?.calls === calls) return earlier
  const length = flat.length / 2
  const counts = arrayWithRoom<number>(length)
  let isSame = earlier?.boundsUs.length === length
  for (let at = 0; at < length; at += 1) {
    isSame &&= earlier?.boundsUs[at] === flat[2 * at]
    counts[at] = Number(flat[2 * at + 1])
  }
  const known = isSame ? earlier : undefined
  const boundsUs = known?.boundsUs ?? counts.map((_count, at) => Number(flat[2 * at]))
  const buckets = known?.buckets ?? boundsUs.map((bound) => bucketOf(cmd, bound))
  const series = earlier?.series ?? seriesOfCommand(cmd)
  return { cmd: earlier?.cmd ?? cmd, calls, usec, series, boundsUs, counts, buckets }
}
