// What one full sample of one server costs, exposition included, beside redis_exporter on the same server: both are
// scraped over HTTP at the same pace, in turn, while the server serves some forty different commands.

import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../lab/free-port.ts'
import { startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { Bench } from './measure/bench.ts'
import { countSeries, fetchText } from './measure/fetch-text.ts'
import { alternate, median } from './measure/numbers.ts'
import { shipped, startOwnProcess, startProgram } from './measure/own-process.ts'
import { cpuSeconds } from './measure/process-cost.ts'
import { startTraffic } from './measure/traffic.ts'

const SCRAPES = 400
const EVERY_MS = 50
const WARM_UP_SCRAPES = 4_000 // after half as many V8 still compiles, at a tenth of the cost of a sample
const BAR = 1 / 3
const COMMANDS = 40
const EXPORTER = 'prometheus-redis-exporter'

/** As fast as it goes: what a process compiles and fills at first is no cost of a sample. */
async function warmUp(url: string): Promise<void> {
  for (let at = 0; at < WARM_UP_SCRAPES; at += 1) await fetchText(url)
}

/** Milliseconds of processor time for each of so many scrapes at a fixed pace. */
async function cost(pid: number, url: string): Promise<number> {
  const before = cpuSeconds(pid)
  for (let due = performance.now() + EVERY_MS, at = 0; at < SCRAPES; at += 1, due += EVERY_MS) {
    await fetchText(url)
    await sleep(Math.max(0, due - performance.now()))
  }
  return ((cpuSeconds(pid) - before) * 1_000) / SCRAPES
}

export default {
  asks: 'CPU of one full sample of one server, exposition included, against redis_exporter scraped for the same',
  bar: 'at most a third',

  async run({ full, say }) {
    const server = await startServer({ name: 'sampled' })
    const traffic = startTraffic([server.port], 100, COMMANDS)
    const port = await freePort()
    const ours = startOwnProcess<{ url: string }>('bench/processes/sample-on-request.ts', [server.url], shipped())
    const theirs = startProgram(EXPORTER, [
      `-redis.addr=${server.url}`,
      `-web.listen-address=127.0.0.1:${port}`,
      '-redis-only-metrics', // without the metrics of its own runtime: that would be work that we do not do
    ])
    try {
      const ourUrl = (await ours.read()).url
      const theirUrl = `http://127.0.0.1:${port}/metrics`
      await until(`${EXPORTER} answers`, () => fetchText(theirUrl))
      say(`${SCRAPES} scrapes every ${EVERY_MS} ms in turn; ${traffic.commandsPerSecond} commands/s on the server`)
      await warmUp(ourUrl)
      await warmUp(theirUrl)
      const measure = { ours: () => cost(ours.pid, ourUrl), theirs: () => cost(theirs.pid, theirUrl) }
      const pairs = await alternate(full ? 7 : 3, measure, (pair, isWarmUp) =>
        say(`${isWarmUp ? 'warm-up' : 'pair'}: ${pair.ours.toFixed(2)} ms and ${pair.theirs.toFixed(2)} ms a sample`),
      )
      // Counted at the end, when every command has run: the two do not expose the same, ours is more.
      const series = { ours: countSeries(await fetchText(ourUrl)), theirs: countSeries(await fetchText(theirUrl)) }
      const ratio = median(pairs.map((pair) => pair.ours / pair.theirs))
      const row = (name: string, of: 'ours' | 'theirs'): string[] => {
        const all = pairs.map((pair) => pair[of])
        const perSeries = (median(all) * 1_000) / series[of]
        return [
          name,
          median(all).toFixed(2),
          all.map((ms) => ms.toFixed(2)).join(' '),
          String(series[of]),
          perSeries.toFixed(1),
        ]
      }
      return {
        table: [
          ['', 'CPU ms', 'each', 'series', 'µs a series'],
          row('respite', 'ours'),
          row('redis_exporter', 'theirs'),
        ],
        reached: ratio <= BAR,
        says: `ratio ${ratio.toFixed(3)} (median of ${pairs.length} pairs)`,
        raw: { scrapes: SCRAPES, everyMs: EVERY_MS, series, pairs },
      }
    } finally {
      traffic.stop()
      await Promise.all([ours.stop(), theirs.stop()])
      await server.stop()
    }
  },
} satisfies Bench
