// How long a diagnosis takes, of one server and of a fleet in one incident, and what it costs the server that it is of, by
// that server's own count, with three million keys in it.

import { startReplica, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { deploymentOfUrl } from '../src/config-deployment.ts'
import { judge, sight, type Examined } from '../src/cli/examine.ts'
import { diagnose, loadChecks } from '../src/diagnosis/diagnose.ts'
import { gatherEvidence } from '../src/diagnosis/gather.ts'
import { watchFleet } from '../src/fleet/watch-fleet.ts'
import { NOTHING_EXPECTED } from '../src/fleet/standing.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { READ_COMMANDS } from '../src/redis/ask.ts'
import type { Bench } from './measure/bench.ts'
import { commandStats, difference } from './measure/command-stats.ts'
import { median } from './measure/numbers.ts'

const KEYS = 3_000_000
const LOOKS = 20
const FLEET = 200
const BARS = { oneMs: 3_000, fleetMs: 10_000, commandMs: 5 }
const LOGIN: ReadonlySet<string> = new Set(['AUTH', 'HELLO', 'CLIENT SETINFO', 'CLIENT SETNAME', 'CLIENT NO-EVICT'])
const PROBE: ReadonlySet<string> = new Set(['PUBLISH', 'SUBSCRIBE', 'UNSUBSCRIBE']) // of our own channel

export default {
  asks: 'how long a diagnosis takes (one server; a fleet in one incident), and what it costs a server of 3 M keys',
  bar: `at most ${BARS.oneMs / 1_000} s, ${BARS.fleetMs / 1_000} s for ${FLEET} servers; each command at most ${BARS.commandMs} ms`,

  async run({ full, say }) {
    const one = await costOfOne(full ? LOOKS : 5, say)
    const fleetMs = await timeOfFleet(full ? FLEET : 50, say)
    const [worst] = one.commands.toSorted((a, b) => b.ms - a.ms)
    return {
      table: [
        ['what', 'reached'],
        ['one server, median', `${(one.ms / 1_000).toFixed(2)} s`],
        [`${full ? FLEET : 50} servers of one incident`, `${(fleetMs / 1_000).toFixed(2)} s`],
        ...one.commands.map(({ name, ms }) => [`${name}, the median of a look`, `${ms.toFixed(3)} ms`]),
      ],
      reached:
        one.ms <= BARS.oneMs &&
        fleetMs <= BARS.fleetMs &&
        (worst?.ms ?? 0) <= BARS.commandMs &&
        one.strange.length === 0,
      says: `${(one.ms / 1_000).toFixed(2)} s and ${(fleetMs / 1_000).toFixed(2)} s; the dearest command is ${worst?.name} with ${worst?.ms.toFixed(3)} ms${one.strange.length === 0 ? '' : `; not on the list: ${one.strange.join(', ')}`}`,
      raw: { one, fleetMs },
    }
  },
} satisfies Bench

interface OneServer {
  readonly ms: number
  readonly commands: readonly { readonly name: string; readonly ms: number }[]
  readonly strange: readonly string[]
}

async function costOfOne(looks: number, say: (text: string) => void): Promise<OneServer> {
  const server = await startServer({ name: 'large', debug: true })
  try {
    say(`filling a server with ${KEYS} keys`)
    await server.cli('DEBUG', 'POPULATE', String(KEYS), 'key', '64')
    const deployment: Examined = await deploymentOfUrl(server.url, {}, {})
    const memory = { remembered: new Map(), history: undefined }
    const took: number[] = []
    const costs = new Map<string, number[]>()
    for (let at = 0; at < looks; at += 1) {
      const before = await commandStats(server)
      const { tookMs } = await judge(await sight(deployment, { groups: [], dataDir: '/nonexistent', memory }))
      took.push(tookMs)
      for (const [name, { calls, usec }] of difference(before, await commandStats(server)))
        costs.set(name, [...(costs.get(name) ?? []), usec / calls / 1_000])
    }
    const commands = [...costs].map(([name, ms]) => ({ name, ms: median(ms) })).toSorted((a, b) => b.ms - a.ms)
    const known = (name: string): boolean => READ_COMMANDS.has(name) || LOGIN.has(name) || PROBE.has(name)
    return { ms: median(took), commands, strange: commands.map(({ name }) => name).filter((name) => !known(name)) }
  } finally {
    await server.stop()
  }
}

/** A primary that is stopped, and its replicas, which lose their link: all of them are looked at. */
async function timeOfFleet(count: number, say: (text: string) => void): Promise<number> {
  const conf = ['repl-diskless-sync yes', 'save ""']
  const primary = await startServer({ name: 'primary', conf })
  const servers: Server[] = [primary]
  say(`starting ${count} servers`)
  const startSome = async (): Promise<void> => {
    while (servers.length < count) servers.push(await startReplica(primary, { conf }))
  }
  try {
    await Promise.all(Array.from({ length: 4 }, startSome))
    const deployment = await deploymentOfUrl(primary.url, {}, {})
    const fleet = watchFleet({
      deployments: [deployment],
      expected: NOTHING_EXPECTED,
      clock: systemClock,
      log: silentLog,
    })
    try {
      await fleet.settled(60_000)
      await primary.kill('SIGSTOP')
      await until('it is seen to be stopped', () => fleet.servers().some(({ view }) => view.answer.id === 'stopped'))
      const [view] = fleet.deployments()
      if (view === undefined) throw new Error('the fleet has a deployment')
      const started = performance.now()
      const declared = { dataClass: 'store', expect: {}, namespaces: [] } as const
      const evidence = await gatherEvidence({ deployment: view, servers: fleet.servers(), declared, nowMs: Date.now() })
      const { findings } = diagnose(evidence, await loadChecks())
      const tookMs = performance.now() - started
      say(`${evidence.servers.length} servers were looked at; ${findings.length} findings`)
      return tookMs
    } finally {
      fleet.stop()
    }
  } finally {
    await primary.kill('SIGCONT')
    await Promise.all(servers.map((server) => server.stop()))
  }
}
