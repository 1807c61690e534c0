// What archiving costs a server and everybody who uses it, beside an ordinary replica in our place: the same flood, held at
// half of what the server can take, and another client that asks all the time. Ours keeps every write, compressed and in
// segments; how late the store has it is measured against the offset of the server itself.

import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startReplica, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { makeOffsetTrail } from '../src/fleet/lag.ts'
import { openConnection } from '../src/redis/connection.ts'
import { infoNumber, parseInfo } from '../src/redis/info.ts'
import { encodeCommand } from '../src/redis/resp.ts'
import type { Bench } from './measure/bench.ts'
import { median, percentile } from './measure/numbers.ts'
import { startOwnProcess } from './measure/own-process.ts'
import { cpuSeconds } from './measure/process-cost.ts'

const SERVER_BAR = 1.05
const LATENCY_BAR = 1.2
const OWN_BAR = 0.5
const LAG_BAR_SECONDS = 1
const PIPELINE = 32
const TICK_MS = 5
const LOOK_MS = 100
const run = promisify(execFile)

interface Cost {
  readonly serverPerMillion: number // CPU seconds
  readonly own: number // CPU seconds of whoever follows, per million commands
  readonly p99Ms: number
  readonly lagSeconds: number // the most; of a replica 0: who watches it costs the others as much, and is there for that alone
}

/** Commands a second that the server takes at its best. */
async function mostPerSecond(): Promise<number> {
  const server = await startServer({ name: 'alone' })
  try {
    const words = [
      '-p',
      String(server.port),
      '-t',
      'set',
      '-n',
      '600000',
      '-d',
      '100',
      '-P',
      '32',
      '-r',
      '100000',
      '--csv',
    ]
    const { stdout } = await run('redis-benchmark', words)
    return Number(/"SET","([\d.]+)"/.exec(stdout)?.[1])
  } finally {
    await server.stop()
  }
}

/** Sends SETs of 100 bytes, 32 at once, at this rate for so long; resolves with how many. */
async function flood({ port }: Server, perSecond: number, forMs: number): Promise<number> {
  const batches = Array.from({ length: 64 }, () =>
    Buffer.from(
      Array.from({ length: PIPELINE }, () =>
        encodeCommand(['SET', `key:${Math.floor(Math.random() * 100_000)}`, 'x'.repeat(100)]),
      ).join(''),
    ),
  )
  const socket = connect(port, '127.0.0.1')
  socket.resume()
  const began = performance.now()
  let sent = 0
  while (performance.now() - began < forMs) {
    const due = Math.floor(((performance.now() - began) / 1_000) * (perSecond / PIPELINE))
    for (; sent < due && socket.writableLength < 4_000_000; sent += 1)
      socket.write(batches[sent % batches.length] ?? '')
    await sleep(TICK_MS)
  }
  await until('all is sent', () => socket.writableLength === 0)
  socket.destroy()
  return sent * PIPELINE
}

/** Asks for one key after the other until told to stop; the milliseconds of each. */
async function ask({ address, access }: Server, signal: AbortSignal): Promise<number[]> {
  const connection = await openConnection({ address, access, timeoutMs: 30_000 })
  const took: number[] = []
  while (!signal.aborted) {
    const began = performance.now()
    await connection.send('GET', 'key:1')
    took.push(performance.now() - began)
    await sleep(1)
  }
  connection.close()
  return took
}

/** The age of the oldest write that is not in the store, at its worst. */
async function watchLag(server: Server, durable: () => number, signal: AbortSignal): Promise<number> {
  const connection = await openConnection({ address: server.address, access: server.access, timeoutMs: 30_000 })
  const trail = makeOffsetTrail()
  let most = 0
  while (!signal.aborted) {
    const info = parseInfo(String(await connection.send('INFO', 'replication')))
    trail.note(performance.now(), infoNumber(info, 'master_repl_offset') ?? 0)
    most = Math.max(most, trail.lagSeconds(performance.now(), durable()))
    await sleep(LOOK_MS)
  }
  connection.close()
  return most
}

async function measure(
  server: Server,
  follower: number,
  load: { readonly perSecond: number; readonly forMs: number },
  durable: () => number,
): Promise<Cost> {
  const ending = new AbortController()
  const before = { server: cpuSeconds(server.pid), own: cpuSeconds(follower) }
  const asking = ask(server, ending.signal)
  const lagging = watchLag(server, durable, ending.signal)
  const commands = await flood(server, load.perSecond, load.forMs)
  ending.abort()
  const millions = commands / 1e6
  return {
    serverPerMillion: (cpuSeconds(server.pid) - before.server) / millions,
    own: (cpuSeconds(follower) - before.own) / millions,
    p99Ms: percentile(await asking, 0.99),
    lagSeconds: await lagging,
  }
}

async function withPrimary(work: (primary: Server) => Promise<Cost>): Promise<Cost> {
  const primary = await startServer({ name: 'primary', conf: ['repl-backlog-size 64mb'] })
  try {
    return await work(primary)
  } finally {
    await primary.kill('SIGKILL')
    await primary.stop()
  }
}

type Load = Parameters<typeof measure>[2]

function ours(load: Load): Promise<Cost> {
  return withPrimary(async (primary) => {
    const dir = mkdtempSync(join(tmpdir(), 'respite-flood-'))
    const words = [
      'archive',
      primary.url,
      '--json',
      '--name',
      'flood',
      '--to',
      `file://${dir}/store`,
      '--data',
      `${dir}/data`,
    ]
    const archiver = startOwnProcess<{ event: string }>('src/main.ts', words)
    try {
      while ((await archiver.read()).event !== 'base');
      const shard = join(dir, 'store', 'flood', 'shards', '0')
      const [timeline = ''] = readdirSync(shard)
      const stream = join(shard, timeline, 'stream')
      const durable = (): number => Math.max(0, ...readdirSync(stream).map((name) => Number(name.slice(17, 33))))
      await primary.cli('SET', 'first', 'x')
      await until('the stream has begun', () => durable() > 0)
      return await measure(primary, archiver.pid, load, durable)
    } finally {
      await archiver.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

function theirs(load: Load): Promise<Cost> {
  return withPrimary(async (primary) => {
    const replica = await startReplica(primary)
    try {
      return await measure(primary, replica.pid, load, () => Infinity)
    } finally {
      await replica.stop()
    }
  })
}

export default {
  asks: 'what archiving a flood at half of the most costs, against an ordinary replica',
  bar: `server CPU at most ${SERVER_BAR} ×, p99 of others ${LATENCY_BAR} ×, our CPU ${OWN_BAR} × the replica's, lag ${LAG_BAR_SECONDS} s`,

  async run({ full, say }) {
    const perSecond = (await mostPerSecond()) / 2
    say(`half of the most: ${Math.round(perSecond)} commands a second`)
    const load = { perSecond, forMs: full ? 30_000 : 8_000 }
    const pairs: { readonly ours: Cost; readonly theirs: Cost }[] = []
    for (let at = 0; at <= (full ? 7 : 3); at += 1) {
      const first = at % 2 === 0 ? await ours(load) : undefined
      const other = await theirs(load)
      const pair = { ours: first ?? (await ours(load)), theirs: other }
      const { ours: us, theirs: them } = pair
      say(
        `${at === 0 ? 'warm-up' : 'pair'}: server ${us.serverPerMillion.toFixed(2)} and ${them.serverPerMillion.toFixed(2)} s, ` +
          `p99 ${us.p99Ms.toFixed(1)} and ${them.p99Ms.toFixed(1)} ms, own ${us.own.toFixed(2)} and ${them.own.toFixed(2)} s, ` +
          `lag ${us.lagSeconds.toFixed(1)} s`,
      )
      if (at > 0) pairs.push(pair)
    }
    const ratio = (of: 'serverPerMillion' | 'p99Ms' | 'own'): number =>
      median(pairs.map((pair) => pair.ours[of] / pair.theirs[of]))
    const [server, p99, own] = [ratio('serverPerMillion'), ratio('p99Ms'), ratio('own')]
    const lag = Math.max(...pairs.map((pair) => pair.ours.lagSeconds))
    const row = (name: string, of: 'ours' | 'theirs'): string[] => {
      const middle = (field: keyof Cost): string => median(pairs.map((pair) => pair[of][field])).toFixed(2)
      return [name, middle('serverPerMillion'), middle('p99Ms'), middle('own'), middle('lagSeconds')]
    }
    return {
      table: [
        ['', 'server CPU s/M', 'p99 ms', 'own CPU s/M', 'lag s'],
        row('respite archive', 'ours'),
        row('replica', 'theirs'),
      ],
      reached: server <= SERVER_BAR && p99 <= LATENCY_BAR && own <= OWN_BAR && lag <= LAG_BAR_SECONDS,
      says: `server ${server.toFixed(3)}, p99 ${p99.toFixed(2)}, own ${own.toFixed(3)}, lag ${lag.toFixed(1)} s (medians of ${pairs.length} pairs)`,
      raw: { perSecond, pairs },
    }
  },
} satisfies Bench
