// How long from a fault to the right words about it: kill -9, SIGSTOP, all client slots taken, a changed password, each
// again and again at random moments, until both /metrics and what the screen is drawn from (/api/v1/fleet) say so.

import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { FleetDocument } from '../src/api/contract.ts'
import type { AnswerId } from '../src/redis/answers.ts'
import type { Bench } from './measure/bench.ts'
import { fetchText } from './measure/fetch-text.ts'
import { percentile } from './measure/numbers.ts'
import { runDaemon } from './measure/run-daemon.ts'
import { startTraffic } from './measure/traffic.ts'

const BAR_MS = 2_000
const BAR_SHARE = 0.99
const POLL_MS = 20
const GIVE_UP_MS = 15_000
const SLOTS = 24
const PASSWORD = 'the-first-one'
const OTHER_PASSWORD = 'the-second-one'

interface Fault {
  readonly name: string // of its deployment too
  readonly answer: AnswerId // the right one
  readonly options: Parameters<typeof startServer>[0]
  /** Breaks the server; resolves at the moment at which it is broken, with what mends it. */
  break(server: Server): Promise<() => Promise<void>>
}

const FAULTS: readonly Fault[] = [
  {
    name: 'killed',
    answer: 'refused',
    options: {},
    async break(server) {
      await server.kill('SIGKILL')
      return () => server.restart()
    },
  },
  {
    name: 'stopped',
    answer: 'stopped',
    options: {},
    async break(server) {
      await server.kill('SIGSTOP')
      return () => server.kill('SIGCONT')
    },
  },
  {
    name: 'full',
    answer: 'maxclients',
    options: { conf: [`maxclients ${SLOTS}`] },
    async break(server) {
      const stop = await takeAllSlots(server.port)
      return () => Promise.resolve(stop())
    },
  },
  {
    name: 'password',
    answer: 'wrongpass',
    options: { password: PASSWORD },
    async break(server) {
      await server.cli('CONFIG', 'SET', 'requirepass', OTHER_PASSWORD)
      return async () => void (await server.cli('-a', OTHER_PASSWORD, 'CONFIG', 'SET', 'requirepass', PASSWORD))
    },
  },
]

/** Connects until the server turns us away, then keeps all slots taken as others leave them. Answers what ends it. */
async function takeAllSlots(port: number): Promise<() => void> {
  const sockets = new Set<Socket>()
  let stopped = false
  let turnedAway = false
  const take = (): void => {
    if (stopped) return
    const socket = connect(port, '127.0.0.1')
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => (turnedAway = true)) // it speaks first only to say that it is full
    socket.once('close', () => {
      sockets.delete(socket)
      setTimeout(take, 10)
    })
  }
  for (let at = 0; at < SLOTS; at += 1) take()
  await until('all slots are taken', () => turnedAway, { everyMs: 1 })
  return () => {
    stopped = true
    for (const socket of sockets) socket.destroy()
  }
}

/** What the daemon says now, by deployment, on both of its pages. */
interface Said {
  readonly metrics: ReadonlyMap<string, string>
  readonly screen: ReadonlyMap<string, string>
}

async function listen(url: string): Promise<Said> {
  const [metrics, fleet] = await Promise.all([fetchText(`${url}/metrics`), fetchText(`${url}/api/v1/fleet`)])
  const lines = metrics.matchAll(/^respite_server_answer\{answer="([^"]+)",deployment="([^"]+)".*\} 1$/gm)
  const { deployments } = JSON.parse(fleet) as FleetDocument
  return {
    metrics: new Map([...lines].map(([, answer = '', deployment = '']) => [deployment, answer])),
    screen: new Map(deployments.map(({ name, servers }) => [name, servers[0]?.answer.id ?? 'missing'])),
  }
}

interface Try {
  readonly metricsMs: number
  readonly screenMs: number
  readonly first: string // what was said before the right answer, if it was neither ok nor right
}

/** One reader for all faults: what it sees is at most one round older than it says. */
function startListening(url: string): { saysNow(): Said; stop(): void } {
  let said: Said = { metrics: new Map(), screen: new Map() }
  const stopping = new AbortController()
  const poll = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      said = await listen(url).catch(() => said)
      await sleep(POLL_MS)
    }
  }
  void poll()
  return { saysNow: () => said, stop: () => stopping.abort() }
}

async function tryOnce(fault: Fault, server: Server, saysNow: () => Said): Promise<Try> {
  const isOk = (): boolean => saysNow().metrics.get(fault.name) === 'ok' && saysNow().screen.get(fault.name) === 'ok'
  await until(`${fault.name} is well again`, isOk, { timeoutMs: 60_000 })
  await sleep(Math.random() * 1_000) // any moment between two looks
  const asked = performance.now()
  const mend = await fault.break(server)
  // Taking all slots takes a while, during which the server is not full yet; the others are at once.
  const broken = fault.name === 'full' ? performance.now() : asked
  const seen: { metricsMs?: number; screenMs?: number } = {}
  let first = ''
  const look = (): boolean => {
    const { metrics, screen } = saysNow()
    const passed = performance.now() - broken
    const now = metrics.get(fault.name) ?? 'missing'
    if (first === '' && now !== 'ok' && now !== fault.answer) first = now
    if (now === fault.answer) seen.metricsMs ??= passed
    if (screen.get(fault.name) === fault.answer) seen.screenMs ??= passed
    return seen.metricsMs !== undefined && seen.screenMs !== undefined
  }
  await until('it is said', look, { timeoutMs: GIVE_UP_MS, everyMs: 5 }).catch(() => undefined)
  await mend()
  return { metricsMs: seen.metricsMs ?? GIVE_UP_MS, screenMs: seen.screenMs ?? GIVE_UP_MS, first }
}

function writeConfiguration(servers: ReadonlyMap<string, Server>): string {
  const folder = makeFolder('configuration')
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, PASSWORD, { mode: 0o600 })
  const entries = [...servers].map(
    ([name, { url, access }]) =>
      `  - name: ${name}\n    url: ${url}\n` +
      (access.password === undefined ? '' : `    passwordFile: ${passwordFile}\n`),
  )
  const file = join(folder, 'respite.yml')
  writeFileSync(file, `deployments:\n${entries.join('')}`)
  return file
}

export default {
  asks: 'time from a fault to the right answer in /metrics and in what the screen is drawn from',
  bar: `at most ${BAR_MS / 1_000} s in 99 of 100 tries`,

  async run({ full, say }) {
    const tries = full ? 100 : 25
    const servers = new Map<string, Server>()
    for (const { name, options } of FAULTS) servers.set(name, await startServer({ ...options, name }))
    const ports = [...servers.values()].filter(({ access }) => access.password === undefined).map(({ port }) => port)
    const traffic = startTraffic(ports, 500)
    const daemon = await runDaemon(['--config', writeConfiguration(servers)])
    const listening = startListening(daemon.url)
    try {
      say(`${tries} tries of each, the four side by side; what is said is read every ${POLL_MS} ms`)
      const all = await Promise.all(
        FAULTS.map(async (fault) => {
          const server = servers.get(fault.name) as Server
          const seen: Try[] = []
          for (let at = 0; at < tries; at += 1) seen.push(await tryOnce(fault, server, listening.saysNow))
          say(`${fault.name}: done`)
          return { fault: fault.name, answer: fault.answer, seen }
        }),
      )
      const row = (name: string, answer: string, seen: readonly Try[]): string[] => {
        const worst = seen.map(({ metricsMs, screenMs }) => Math.max(metricsMs, screenMs))
        const at = (share: number): string => percentile(worst, share).toFixed(0)
        const late = worst.filter((ms) => ms > BAR_MS).length
        const others = [...new Set(seen.map(({ first }) => first).filter((first) => first !== ''))]
        return [name, answer, String(seen.length), at(0.5), at(0.99), at(1), String(late), others.join(' ')]
      }
      const everyTry = all.flatMap(({ seen }) => seen)
      const inTime = everyTry.filter(({ metricsMs, screenMs }) => Math.max(metricsMs, screenMs) <= BAR_MS).length
      return {
        table: [
          ['fault', 'answer', 'tries', 'p50 ms', 'p99 ms', 'max ms', 'late', 'said meanwhile'],
          ...all.map(({ fault, answer, seen }) => row(fault, answer, seen)),
        ],
        reached: inTime / everyTry.length >= BAR_SHARE,
        says: `${inTime} of ${everyTry.length} tries within ${BAR_MS} ms`,
        raw: all,
      }
    } finally {
      listening.stop()
      traffic.stop()
      await daemon.process.stop()
      await Promise.all([...servers.values()].map((server) => server.stop()))
    }
  },
} satisfies Bench
