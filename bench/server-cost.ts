// What being watched costs a server, by its own count: the time that it spends in our commands, of which it must know
// none but those that may be asked. The traffic of others stops before the count begins, so that what is counted is ours;
// it ran before, so that there is something to tell of every command.

import { setTimeout as sleep } from 'node:timers/promises'
import { startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { READ_COMMANDS } from '../src/redis/ask.ts'
import type { Bench } from './measure/bench.ts'
import { commandStats, difference } from './measure/command-stats.ts'
import { fetchText } from './measure/fetch-text.ts'
import { cpuSeconds } from './measure/process-cost.ts'
import { runDaemon } from './measure/run-daemon.ts'
import { startTraffic } from './measure/traffic.ts'

const BAR_PERCENT = 0.2
const LOGIN: ReadonlySet<string> = new Set(['AUTH', 'HELLO', 'CLIENT SETINFO', 'CLIENT SETNAME', 'CLIENT NO-EVICT'])

export default {
  asks: "time in our commands by the watched server's own count (INFO commandstats), as a share of wall time",
  bar: `at most ${BAR_PERCENT} %, and only commands of the list`,

  async run({ full, say }) {
    const server = await startServer({ name: 'watched' })
    const traffic = startTraffic([server.port], 100)
    const daemon = await runDaemon([server.url])
    try {
      await until('a full sample is in /metrics', async () =>
        (await fetchText(`${daemon.url}/metrics`)).includes('redis_commands_total{cmd="unlink"'),
      )
      traffic.stop()
      const seconds = full ? 600 : 60
      say(`counting for ${seconds} s`)
      const before = await commandStats(server)
      const [began, cpuBefore] = [performance.now(), cpuSeconds(server.pid)]
      await sleep(seconds * 1_000)
      const wallUs = (performance.now() - began) * 1_000
      const cpuPercent = ((cpuSeconds(server.pid) - cpuBefore) * 1e8) / wallUs
      const spent = difference(before, await commandStats(server))
      const strange = spent.map(([name]) => name).filter((name) => !READ_COMMANDS.has(name) && !LOGIN.has(name))
      const percent = (spent.reduce((sum, [, { usec }]) => sum + usec, 0) / wallUs) * 100
      return {
        table: [
          ['command', 'calls', 'usec', 'µs a call', '% of wall'],
          ...spent.map(([name, { calls, usec }]) => [
            name,
            String(calls),
            String(usec),
            (usec / calls).toFixed(1),
            ((usec / wallUs) * 100).toFixed(4),
          ]),
        ],
        reached: percent <= BAR_PERCENT && strange.length === 0,
        says:
          `${percent.toFixed(4)} % of wall time; ` +
          (strange.length === 0 ? 'no other command' : `not on the list: ${strange.join(', ')}`) +
          `; all CPU of the server, idle work included: ${cpuPercent.toFixed(2)} %`,
        raw: { seconds, percent, cpuPercent, strange, spent: Object.fromEntries(spent) },
      }
    } finally {
      traffic.stop()
      await daemon.process.stop()
      await server.stop()
    }
  },
} satisfies Bench
