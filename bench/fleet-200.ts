// Two hundred real servers on one machine, watched by one daemon with an hour of history: processor time, memory, and
// whether any sample is late. The hour is filled beforehand from real snapshots, replayed with values that move; with
// --full the daemon watches for a whole hour instead.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { HistoryStats } from '../src/metrics/history.ts'
import type { Bench, BenchOptions } from './measure/bench.ts'
import { countSeries, fetchText } from './measure/fetch-text.ts'
import { percentile } from './measure/numbers.ts'
import { shipped, startOwnProcess, type OwnProcess } from './measure/own-process.ts'
import { cpuSeconds, residentBytes } from './measure/process-cost.ts'
import { startTraffic } from './measure/traffic.ts'

const SERVERS = 200
const COMMANDS = 12 // each brings some sixteen series to its server
const INTERVAL_MS = 5_000
const SCRAPE_MS = 15_000
const MEASURE_MS = 120_000 // several collections
const START_MS = 330_000 // the first looks for causes; from then on an open incident is looked into about as often as later
const HOUR_MS = 3_600_000
const BARS = { cpuPercent: 25, bytes: 350 * 2 ** 20, series: 100_000, changingShare: 0.3 }

type Line =
  | { event: 'listening'; url: string }
  | { event: 'compared'; series: number; changing: number; history: HistoryStats }
  | {
      event: 'lateness'
      servers: number
      samples: number
      failed: number
      gapsMs: number[]
      latenessMs: number[]
      history: HistoryStats
      memory: NodeJS.MemoryUsage
      afterCollection: NodeJS.MemoryUsage
    }

async function read<E extends Line['event']>(daemon: OwnProcess<Line>, event: E): Promise<Extract<Line, { event: E }>> {
  const line = await daemon.read()
  if (line.event !== event) throw new Error(`the daemon says ${line.event} and not ${event}`)
  return line as Extract<Line, { event: E }>
}

async function startServers(): Promise<Server[]> {
  const servers: Server[] = []
  const startSome = async (): Promise<void> => {
    while (servers.length < SERVERS) {
      const place = servers.push(undefined as unknown as Server) - 1
      servers[place] = await startServer({ name: `fleet-${place}`, conf: ['maxmemory 20mb'] })
    }
  }
  await Promise.all(Array.from({ length: 4 }, startSome))
  return servers
}

function writeConfiguration(servers: readonly Server[]): string {
  const file = join(makeFolder('configuration'), 'respite.yml')
  const entries = servers.map(({ url }, at) => `  - { name: orders-${at}, url: "${url}" }\n`)
  writeFileSync(file, `deployments:\n${entries.join('')}`)
  return file
}

/** Processor time and memory of the process over a time, with a scrape of everything at a usual pace. */
async function measure(pid: number, url: string, forMs: number): Promise<{ cpuPercent: number; bytes: number[] }> {
  const bytes: number[] = []
  const [began, before] = [performance.now(), cpuSeconds(pid)]
  for (let at = 0; performance.now() - began < forMs; at += 1) {
    if (at % (SCRAPE_MS / 1_000) === 0) await fetchText(`${url}/metrics`)
    bytes.push(residentBytes(pid).now)
    await sleep(1_000 - ((performance.now() - began) % 1_000))
  }
  return { cpuPercent: ((cpuSeconds(pid) - before) * 1e5) / (performance.now() - began), bytes }
}

async function run(servers: readonly Server[], { full, say }: BenchOptions): ReturnType<Bench['run']> {
  const traffic = startTraffic(
    servers.map(({ port }) => port),
    INTERVAL_MS / 5,
    COMMANDS,
  )
  const args = [writeConfiguration(servers), join(makeFolder('daemon'), 'data')]
  const { flags, env } = shipped()
  const how = { flags: ['--expose-gc', ...flags], env }
  const daemon = startOwnProcess<Line>('bench/processes/fleet-daemon.ts', args, how)
  try {
    const { url } = await read(daemon, 'listening')
    const listeningAt = performance.now()
    await until('every server was sampled', async () => fetchText(`${url}/readyz`), { timeoutMs: 60_000 })
    say(`${servers.length} servers, ${traffic.commandsPerSecond} commands/s in all; /metrics read every 15 s`)
    if (full) {
      say('watching for an hour')
      await sleep(HOUR_MS)
    }
    daemon.write(full ? 'compare' : 'fill')
    const compared = await read(daemon, 'compared')
    const share = compared.changing / compared.series
    const held = `${compared.history.samples} samples held`
    say(full ? held : `${held}; the hour before was made from two real snapshots of each server`)
    // Filling held the process up; and what a daemon does once in its first minutes, it has done in an hour. So it has
    // collected what an hour in a minute made.
    await sleep(Math.max(2 * INTERVAL_MS, listeningAt + START_MS - performance.now()))
    daemon.write('collect')
    await sleep(2 * INTERVAL_MS)
    const series = countSeries(await fetchText(`${url}/metrics`))
    const fromMs = Date.now()
    const { cpuPercent, bytes } = await measure(daemon.pid, url, MEASURE_MS)
    daemon.write(`lateness ${fromMs} ${Date.now()}`)
    const late = await read(daemon, 'lateness')
    const mostBytes = Math.max(...bytes)
    const worstGapMs = Math.max(...late.gapsMs)
    const tooLate = late.gapsMs.filter((ms) => ms > 2 * INTERVAL_MS).length
    const kept = {
      cpu: cpuPercent <= BARS.cpuPercent,
      memory: mostBytes <= BARS.bytes,
      series: series >= BARS.series && share >= BARS.changingShare,
      lateness: tooLate === 0 && late.servers === servers.length && late.failed === 0,
    }
    const yes = (is: boolean): string => (is ? 'yes' : 'NO')
    const mib = (count: number): string => `${(count / 2 ** 20).toFixed(0)} MiB`
    return {
      table: [
        ['what', 'measured', 'bar', 'kept'],
        ['CPU, one core', `${cpuPercent.toFixed(1)} %`, `${BARS.cpuPercent} %`, yes(kept.cpu)],
        ['resident memory, most', mib(mostBytes), mib(BARS.bytes), yes(kept.memory)],
        ['series in /metrics', String(series), `${BARS.series}`, yes(kept.series)],
        ['of them changing', `${(share * 100).toFixed(0)} %`, `${BARS.changingShare * 100} %`, yes(kept.series)],
        ['longest time between samples', `${worstGapMs} ms`, `${2 * INTERVAL_MS} ms`, yes(kept.lateness)],
        ['samples', `${late.samples}, ${late.failed} failed`, '0 failed', yes(kept.lateness)],
        ['late by, p99', `${percentile(late.latenessMs, 0.99)} ms`, '', ''],
        ['history', `${late.history.samples} samples`, '', ''],
        ['its bytes', mib(late.history.bytes), '', ''],
        ['heap, in use', `${mib(late.memory.heapTotal)}, ${mib(late.memory.heapUsed)}`, '', ''],
        ['in use after a collection', mib(late.afterCollection.heapUsed), '', ''],
        ['outside of the heap', mib(late.memory.external), '', ''],
      ],
      reached: Object.values(kept).every(Boolean),
      says: `${cpuPercent.toFixed(1)} % of a core, ${mib(mostBytes)}, ${tooLate} samples late by an interval`,
      raw: { servers: servers.length, series, share, cpuPercent, bytes, late },
    }
  } finally {
    traffic.stop()
    await daemon.stop()
  }
}

export default {
  asks: '200 real servers sampled every 5 s with an hour of history held: CPU, memory, lateness',
  bar: 'at most 25 % of one core and 350 MiB, no sample late by more than an interval',

  async run(options) {
    options.say(`starting ${SERVERS} servers`)
    const servers = await startServers()
    try {
      return await run(servers, options)
    } finally {
      await Promise.all(servers.map((server) => server.stop()))
    }
  },
} satisfies Bench
