// What one full sample of one server costs, exposition included, beside redis_exporter on the same server. Both are
// scraped over HTTP, each between two scrapes of the other: so each of them is awake all the time, as it is in a fleet,
// and whatever else the machine does falls on both. The history, which redis_exporter does not have, is a row of its own.

import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../lab/free-port.ts'
import { startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { Bench } from './measure/bench.ts'
import { countSeries, fetchText } from './measure/fetch-text.ts'
import { median } from './measure/numbers.ts'
import { shipped, startOwnProcess, startProgram } from './measure/own-process.ts'
import { cpuSeconds } from './measure/process-cost.ts'
import { startTraffic } from './measure/traffic.ts'

const PACES = [
  { everyMs: 50, scrapes: 400 }, // as a hundred servers do with a sample every five seconds
  { everyMs: 0, scrapes: 2_000 }, // one after the other
]
type Pace = (typeof PACES)[number]
const WARM_UP_SCRAPES = 12_000 // ten minutes of a hundred servers; after a third of it V8 still compiles
const WARM_UP_MS = 160_000 // some hundred seconds after its start V8 drops its code once, and compiles for half a minute
const ROUNDS = 5
const BAR = 1 / 3
const COMMANDS = 40
const EXPORTER = 'prometheus-redis-exporter'

interface Scraped {
  readonly name: string
  readonly pid: number
  readonly url: string
}

/** As fast as it goes: what a process compiles and fills at first is no cost of a sample. */
async function warmUp({ url }: Scraped): Promise<void> {
  for (let at = 0; at < WARM_UP_SCRAPES; at += 1) await fetchText(url)
}

/** Milliseconds of processor time for a scrape of each, scraped in turn. */
async function costs(all: readonly Scraped[], { everyMs, scrapes }: Pace): Promise<number[]> {
  const before = all.map(({ pid }) => cpuSeconds(pid))
  let due = performance.now()
  for (let at = 0; at < scrapes; at += 1)
    for (const { url } of all) {
      await fetchText(url)
      due += everyMs / all.length
      if (everyMs > 0) await sleep(Math.max(0, due - performance.now()))
    }
  return all.map(({ pid }, at) => ((cpuSeconds(pid) - (before[at] ?? NaN)) * 1_000) / scrapes)
}

export default {
  asks: 'CPU of one full sample of one server, exposition included, against redis_exporter scraped for the same',
  bar: 'at most a third',

  async run({ full, say }) {
    const server = await startServer({ name: 'sampled' })
    const traffic = startTraffic([server.port], 100, COMMANDS)
    const port = await freePort()
    const start = (...more: string[]): ReturnType<typeof startOwnProcess<{ url: string }>> =>
      startOwnProcess('bench/processes/sample-on-request.ts', [server.url, ...more], shipped())
    const [ours, keeping] = [start(), start('--history')]
    const theirs = startProgram(EXPORTER, [
      `-redis.addr=${server.url}`,
      `-web.listen-address=127.0.0.1:${port}`,
      '-redis-only-metrics', // without the metrics of its own runtime: that would be work that we do not do
    ])
    try {
      const all: Scraped[] = [
        { name: 'respite', pid: ours.pid, url: (await ours.read()).url },
        { name: 'redis_exporter', pid: theirs.pid, url: `http://127.0.0.1:${port}/metrics` },
        { name: 'respite, history kept', pid: keeping.pid, url: (await keeping.read()).url },
      ]
      for (const { name, url } of all) await until(`${name} answers`, () => fetchText(url))
      say(`each in turn; ${traffic.commandsPerSecond} commands/s on the server`)
      const warmAt = performance.now() + WARM_UP_MS
      for (const one of all) await warmUp(one)
      const table = [['', 'scraped', 'CPU ms', 'each', 'series', 'of theirs']]
      const measured = []
      for (const pace of PACES) {
        const { everyMs } = pace
        do await costs(all, pace)
        while (performance.now() < warmAt)
        const rounds: number[][] = []
        for (let round = 0; round < (full ? 9 : ROUNDS); round += 1) {
          rounds.push(await costs(all, pace))
          say(`every ${everyMs} ms: ${all.map(({ name }, at) => `${name} ${show(rounds.at(-1)?.[at])}`).join(', ')}`)
        }
        for (const [at, { name, url }] of all.entries()) {
          const ms = rounds.map((round) => round[at] ?? NaN)
          const ratio = median(rounds.map((round) => (round[at] ?? NaN) / (round[1] ?? NaN)))
          const series = countSeries(await fetchText(url)) // the two do not expose the same, ours is more
          const scraped = everyMs === 0 ? 'at once again' : `every ${everyMs} ms`
          table.push([name, scraped, show(median(ms)), ms.map(show).join(' '), String(series), ratio.toFixed(3)])
          measured.push({ name, everyMs, ms, ratio, series })
        }
      }
      const ratio = measured[0]?.ratio ?? NaN
      return {
        table,
        reached: ratio <= BAR,
        says: `ratio ${ratio.toFixed(3)} (median of ${measured[0]?.ms.length} rounds)`,
        raw: { paces: PACES, measured },
      }
    } finally {
      traffic.stop()
      await Promise.all([ours.stop(), keeping.stop(), theirs.stop()])
      await server.stop()
    }
  },
} satisfies Bench

const show = (ms: number | undefined): string => (ms ?? NaN).toFixed(2)
