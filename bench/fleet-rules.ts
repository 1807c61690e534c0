// What the shipped rules cost a daemon: two of them watch the same real servers at the same time, one with all shipped
// rules and one with none, and their processor time over the same seconds is compared once the windows of the rules are
// full. Side by side and not one after the other: what else the machine does meanwhile meets both alike.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import type { Bench, BenchOptions } from './measure/bench.ts'
import { fetchText } from './measure/fetch-text.ts'
import { median } from './measure/numbers.ts'
import { cpuSeconds } from './measure/process-cost.ts'
import { runDaemon, type RunningDaemon } from './measure/run-daemon.ts'
import { startTraffic } from './measure/traffic.ts'

const BAR = 2
const SERVERS = 40 // 200 with --full
const COMMANDS = 12 // as in the bench of 200 servers
const INTERVAL_MS = 5_000
const WINDOW_MS = 30_000 // six evaluations
const WINDOWS = 3
const FILL_MS = 130_000 // most windows of the rules; all of them with --full
const FILL_ALL_MS = 610_000

async function startWatching(servers: readonly Server[], rules: string): Promise<RunningDaemon> {
  const file = join(makeFolder('configuration'), 'respite.yml')
  const entries = servers.map(({ url }, at) => `  - { name: orders-${at}, url: "${url}" }\n`)
  writeFileSync(file, `rules: [${rules}]\ndeployments:\n${entries.join('')}`)
  return runDaemon(['--config', file])
}

async function measure(servers: readonly Server[], { full, say }: BenchOptions): ReturnType<Bench['run']> {
  const ports = servers.map(({ port }) => port)
  const traffic = startTraffic(ports, INTERVAL_MS / 5, COMMANDS)
  const running: RunningDaemon[] = []
  try {
    for (const rules of ['builtin', '']) running.push(await startWatching(servers, rules))
    const [withRules, without] = running
    if (withRules === undefined || without === undefined) throw new Error('a daemon did not start')
    say(`${servers.length} servers, ${traffic.commandsPerSecond} commands/s in all; the windows of the rules fill`)
    await sleep(full ? FILL_ALL_MS : FILL_MS)
    const rules = await countRules(withRules)
    const both = (): number[] => [withRules, without].map(({ process }) => cpuSeconds(process.pid))
    const windows: { ours: number; theirs: number }[] = []
    for (let at = 0; at < WINDOWS; at += 1) {
      const before = both()
      await sleep(WINDOW_MS)
      const [ours = NaN, theirs = NaN] = both().map((seconds, one) => seconds - (before[one] ?? NaN))
      windows.push({ ours, theirs })
      say(`window: ${ours.toFixed(2)} s with ${rules} rules and ${theirs.toFixed(2)} s without`)
    }
    const ratio = median(windows.map(({ ours, theirs }) => ours / theirs))
    const row = (name: string, of: 'ours' | 'theirs'): string[] => {
      const percents = windows.map((window) => (window[of] * 1e5) / WINDOW_MS)
      return [name, `${median(percents).toFixed(1)} %`, percents.map((percent) => percent.toFixed(1)).join(' ')]
    }
    return {
      table: [['', 'CPU, one core', 'each'], row(`${rules} shipped rules`, 'ours'), row('no rules', 'theirs')],
      reached: ratio <= BAR,
      says: `ratio ${ratio.toFixed(2)} (median of ${WINDOWS} windows of ${WINDOW_MS / 1_000} s), ${servers.length} servers`,
      raw: { servers: servers.length, rules, windowMs: WINDOW_MS, windows },
    }
  } finally {
    traffic.stop()
    await Promise.all(running.map(({ process }) => process.stop()))
  }
}

async function countRules({ url }: RunningDaemon): Promise<number> {
  const { data } = JSON.parse(await fetchText(`${url}/api/v1/rules`)) as { data: { groups: { rules: unknown[] }[] } }
  return data.groups.reduce((sum, { rules }) => sum + rules.length, 0)
}

export default {
  asks: 'CPU of a daemon with all shipped rules, against the same daemon without any, on the same real servers',
  bar: 'at most twice',

  async run(options) {
    const count = options.full ? 5 * SERVERS : SERVERS
    const servers: Server[] = []
    try {
      // One after the other: a start is a fork and a wait, and the machine has other things to do.
      while (servers.length < count)
        servers.push(await startServer({ name: `fleet-${servers.length}`, conf: ['maxmemory 20mb'] }))
      return await measure(servers, options)
    } finally {
      await Promise.all(servers.map((server) => server.stop()))
    }
  },
} satisfies Bench
