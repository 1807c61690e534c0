// `respite rdb` on a large file beside redis-check-rdb, which ships with Redis and does less: both verify the checksum and
// count keys, we also count namespaces and find the largest keys. Wall time from start to end of the process, with the file
// in the page cache.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Bench } from './measure/bench.ts'
import { mixedRdb } from './measure/mixed-rdb.ts'
import { alternate, median } from './measure/numbers.ts'
import { cpuSeconds, residentBytes } from './measure/process-cost.ts'

const RESPITE = join(import.meta.dirname, '..', 'respite')
const BAR = 3
const MOST_BYTES = 150 * 1024 * 1024
const LOOK_EVERY_MS = 10

interface Cost {
  readonly seconds: number
  readonly cpuSeconds: number // as far as it was seen, to the last hundredths before the end
  readonly residentBytes: number
}

function measure(command: string, args: readonly string[]): Promise<Cost> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const child = spawn(command, args, { stdio: 'ignore' })
    let cpu = 0
    let most = 0
    const look = setInterval(() => {
      try {
        cpu = cpuSeconds(child.pid ?? -1)
        most = Math.max(most, residentBytes(child.pid ?? -1).most || 0)
      } catch {
        clearInterval(look) // it has ended
      }
    }, LOOK_EVERY_MS)
    child.once('error', reject)
    child.once('exit', (exit) => {
      clearInterval(look)
      const seconds = (performance.now() - started) / 1_000
      if (exit === 0) resolve({ seconds, cpuSeconds: cpu, residentBytes: most })
      else reject(new Error(`${command} ended with ${exit}`))
    })
  })
}

export default {
  asks: 'respite rdb on 500 MB and 3 M keys, checksum verified and namespaces counted, against redis-check-rdb',
  bar: 'at least 3 times as fast in wall time, at most 150 MiB of memory',

  async run({ full, say }) {
    const file = await mixedRdb(say)
    const costs: Record<'ours' | 'theirs', Cost[]> = { ours: [], theirs: [] }
    const run = (of: 'ours' | 'theirs', command: string, args: readonly string[]) => async (): Promise<number> => {
      const cost = await measure(command, args)
      costs[of].push(cost)
      return cost.seconds
    }
    const pairs = await alternate(
      full ? 7 : 3,
      { ours: run('ours', RESPITE, ['rdb', file, '--json']), theirs: run('theirs', 'redis-check-rdb', [file]) },
      (pair, isWarmUp) =>
        say(`${isWarmUp ? 'warm-up' : 'pair'}: ${pair.ours.toFixed(2)} s and ${pair.theirs.toFixed(2)} s`),
    )
    const ratio = median(pairs.map((pair) => pair.theirs / pair.ours))
    const memory = Math.max(...costs.ours.map(({ residentBytes }) => residentBytes))
    const row = (name: string, of: 'ours' | 'theirs'): string[] => [
      name,
      median(pairs.map((pair) => pair[of])).toFixed(2),
      median(costs[of].slice(1).map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      (Math.max(...costs[of].map(({ residentBytes }) => residentBytes)) / 2 ** 20).toFixed(0),
    ]
    return {
      table: [['', 'seconds', 'CPU', 'MiB'], row('respite rdb', 'ours'), row('redis-check-rdb', 'theirs')],
      reached: ratio >= BAR && memory <= MOST_BYTES,
      says: `${ratio.toFixed(2)} times as fast (median of ${pairs.length} pairs), ${(memory / 2 ** 20).toFixed(0)} MiB`,
      raw: { file, pairs, costs },
    }
  },
} satisfies Bench
