// Half an hour of the demo: no alert fires, neither the daemon nor a server grows, and nothing is left when it ends.
// The history of samples does grow for its first hour by design; it is small enough to stay within what is allowed here.
//
//   npm run long -- demo [MINUTES]

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../../lab/children.ts'
import { until } from '../../lab/until.ts'

const EVERY_MS = 5000
const MOST_GROWTH = 1.15 // the last quarter against the second one
const minutes = Number(process.argv[2] ?? 30)

interface Sight {
  readonly daemonMiB: number
  readonly serversMiB: number
  readonly keys: number
}

const folder = makeFolder('demo')
const env = { ...process.env, TMPDIR: folder }
const main = join(import.meta.dirname, '../../src/main.ts')
const demo = spawn(process.execPath, [main, 'demo'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
let output = ''
demo.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))

const url = await until('the demo listens', () => /listening (http:\S+)/.exec(output)?.[1], { timeoutMs: 30_000 })
const sights: Sight[] = []
const end = performance.now() + minutes * 60_000
while (performance.now() < end) {
  await sleep(EVERY_MS)
  sights.push(await look(url))
}
// what was ever in the history of alerts, not only at the moment of a look
const seen = await alertsSince(url, minutes)
const told = seen.filter((alert) => !alert.startsWith('Watchdog'))
demo.kill('SIGINT')
const [code] = (await once(demo, 'close')) as [number | null]
const left = readdirSync(folder)

const [early, late] = [quarter(1), quarter(3)]
console.log(`${sights.length} looks in ${minutes} min, median of the second and of the last quarter:`)
let holds = code === 0 && left.length === 0
for (const what of ['daemonMiB', 'serversMiB', 'keys'] as const) {
  const [before, after] = [median(early, what), median(late, what)]
  const growth = after / before
  holds &&= growth <= MOST_GROWTH
  console.log(
    `  ${what.padEnd(11)}${before.toFixed(1).padStart(10)}${after.toFixed(1).padStart(10)}   × ${growth.toFixed(3)}`,
  )
}
holds &&= seen.includes('Watchdog firing') && !told.some((alert) => alert.endsWith('firing'))
console.log(`alerts but for Watchdog: ${told.length === 0 ? 'none, not even pending' : told.toSorted().join(', ')}`)
console.log(`ended with ${code}, left behind: ${left.length === 0 ? 'nothing' : left.join(', ')}`)
console.log(holds ? `holds: no alert fired, nothing grew by more than × ${MOST_GROWTH}` : 'does not hold')
process.exitCode = holds ? 0 : 1

async function look(base: string): Promise<Sight> {
  const text = await (await fetch(`${base}/metrics`)).text()
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
      (all, [, value]) => all + Number(value),
      0,
    )
  const rss = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${demo.pid}/status`, 'utf8'))?.[1]
  return {
    daemonMiB: Number(rss) / 1024,
    serversMiB: sum('redis_memory_used_bytes') / 2 ** 20,
    keys: sum('redis_db_keys'),
  }
}

/** Each alert that was pending or firing within the last minutes, as "RedisDown pending"; Watchdog always is. */
async function alertsSince(base: string, last: number): Promise<string[]> {
  const query = `max by (alertname, alertstate) (max_over_time(ALERTS[${Math.ceil(last)}m]))`
  const answer = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(query)}`)
  const { data } = (await answer.json()) as {
    data: { result: { metric: { alertname: string; alertstate: string } }[] }
  }
  return data.result.map(({ metric }) => `${metric.alertname} ${metric.alertstate}`)
}

function quarter(at: number): Sight[] {
  const size = Math.floor(sights.length / 4)
  return sights.slice(at * size, (at + 1) * size)
}

function median(of: readonly Sight[], what: keyof Sight): number {
  return of.map((sight) => sight[what]).toSorted((a, b) => a - b)[Math.floor(of.length / 2)] ?? Number.NaN
}
