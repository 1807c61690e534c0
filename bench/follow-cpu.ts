// What it costs to be a replica, beside a real one: both take the same flood of SETs from a primary of their own, and
// their processor time until they have all of it is compared. Ours takes the stream apart, acknowledges and throws it
// away; what keeping it costs is another bench's question.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { startReplica, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { parseInfo } from '../src/redis/info.ts'
import type { Bench } from './measure/bench.ts'
import { alternate, median } from './measure/numbers.ts'
import { startOwnProcess } from './measure/own-process.ts'
import { cpuSeconds } from './measure/process-cost.ts'

const COMMANDS = 1_000_000
const BAR = 1 / 2
const PATIENCE = { timeoutMs: 120_000, everyMs: 100 }
const run = promisify(execFile)

async function flood({ port }: Server): Promise<void> {
  const words = ['-t', 'set', '-n', String(COMMANDS), '-d', '100', '-P', '32', '-r', '100000', '-q']
  await run('redis-benchmark', ['-p', String(port), ...words])
}

async function fieldOf(server: Server, field: string): Promise<number> {
  return Number(parseInfo(await server.cli('INFO', 'replication')).get(field))
}

async function withPrimary<T>(work: (primary: Server) => Promise<T>): Promise<T> {
  const primary = await startServer({ name: 'primary', conf: ['repl-backlog-size 64mb'] })
  try {
    return await work(primary)
  } finally {
    await primary.kill('SIGKILL')
    await primary.stop()
  }
}

function ours(): Promise<number> {
  return withPrimary(async (primary) => {
    const link = startOwnProcess<{ offset?: number }>('bench/processes/follow.ts', [primary.url])
    try {
      await link.read()
      const before = cpuSeconds(link.pid)
      await flood(primary)
      await until(
        'the link has all',
        async () => {
          link.write('')
          return (await link.read()).offset === (await fieldOf(primary, 'master_repl_offset'))
        },
        PATIENCE,
      )
      return cpuSeconds(link.pid) - before
    } finally {
      await link.stop()
    }
  })
}

function theirs(): Promise<number> {
  return withPrimary(async (primary) => {
    const replica = await startReplica(primary)
    try {
      const before = cpuSeconds(replica.pid)
      await flood(primary)
      await until(
        'the replica has all',
        async () => {
          const [has, wanted] = [fieldOf(replica, 'slave_repl_offset'), fieldOf(primary, 'master_repl_offset')]
          return (await has) === (await wanted)
        },
        PATIENCE,
      )
      return cpuSeconds(replica.pid) - before
    } finally {
      await replica.stop()
    }
  })
}

export default {
  asks: `processor time of following a flood of ${COMMANDS} SETs, against a real replica`,
  bar: 'at most half',

  async run({ full, say }) {
    const pairs = await alternate(full ? 7 : 3, { ours, theirs }, (pair, isWarmUp) =>
      say(`${isWarmUp ? 'warm-up' : 'pair'}: ${pair.ours.toFixed(2)} s and ${pair.theirs.toFixed(2)} s`),
    )
    const ratio = median(pairs.map((pair) => pair.ours / pair.theirs))
    const row = (name: string, of: 'ours' | 'theirs'): string[] => {
      const all = pairs.map((pair) => pair[of])
      return [name, median(all).toFixed(2), all.map((seconds) => seconds.toFixed(2)).join(' ')]
    }
    return {
      table: [['', 'CPU s', 'each'], row('respite', 'ours'), row('redis-server', 'theirs')],
      reached: ratio <= BAR,
      says: `ratio ${ratio.toFixed(3)} (median of ${pairs.length} pairs)`,
      raw: { commands: COMMANDS, pairs },
    }
  },
} satisfies Bench
