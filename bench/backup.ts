// A base of a server beside `redis-cli --rdb` of the same one: ours is compressed, encrypted, checked and counted while it
// goes by; theirs is a file as it comes. Both are whole programs, from start to exit.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { startServer, type Server } from '../lab/servers.ts'
import { openConnection } from '../src/redis/connection.ts'
import type { Bench } from './measure/bench.ts'
import { alternate, median } from './measure/numbers.ts'

const BAR = 1.1
const RESPITE = join(import.meta.dirname, '..', 'respite')
const KEYS = 1_000_000 // about 300 MB
const BATCH = 2_000
const run = promisify(execFile)

/** Strings, hashes, lists and sorted sets whose values are long enough and no compression makes them half as small. */
async function fill({ address, access }: Server): Promise<void> {
  const connection = await openConnection({ address, access, timeoutMs: 120_000 })
  const script = `
    math.randomseed(tonumber(ARGV[1]))
    local pool = {}
    for i = 1, 300 do
      local words = {}
      for j = 1, 20 do words[j] = string.format('%08x', math.random(0, 2147483647)) end
      pool[i] = table.concat(words)
    end
    local function value() return pool[math.random(300)] .. pool[math.random(300)] end
    for i = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1 do
      local kind = i % 10
      if kind < 7 then redis.call('SET', 'session:' .. i, value())
      elseif kind == 7 then redis.call('HSET', 'user:' .. i, 'name', value(), 'mail', value(), 'n', i)
      elseif kind == 8 then redis.call('RPUSH', 'queue:' .. i, value(), value(), i)
      else redis.call('ZADD', 'board:' .. i, i, 'a' .. i, i + 1, value()) end
    end`
  for (let at = 0; at < KEYS; at += BATCH) await connection.send('EVAL', script, '0', String(at), String(BATCH))
  connection.close()
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1_000
}

export default {
  asks: `wall time of a base of ${KEYS} keys: zstd, age, checks and analysis, against redis-cli --rdb`,
  bar: `at most ${BAR} times as long`,

  async run({ full, say }) {
    const server = await startServer({ name: 'backup' })
    const dir = mkdtempSync(join(tmpdir(), 'respite-backup-'))
    try {
      await fill(server)
      const recipient = await identityToRecipient(await generateIdentity())
      let round = 0
      const ours = (): Promise<number> => {
        const store = join(dir, `store-${round++}`)
        const words = ['backup', server.url, '--to', `file://${store}`, '--recipient', recipient]
        return timed(() => run(RESPITE, words)).finally(() => rmSync(store, { recursive: true, force: true }))
      }
      const file = join(dir, 'dump.rdb')
      const theirs = (): Promise<number> => timed(() => run('redis-cli', ['-p', String(server.port), '--rdb', file]))
      const pairs = await alternate(full ? 7 : 3, { ours, theirs }, (pair, isWarmUp) =>
        say(`${isWarmUp ? 'warm-up' : 'pair'}: ${pair.ours.toFixed(2)} s and ${pair.theirs.toFixed(2)} s`),
      )
      const ratio = median(pairs.map((pair) => pair.ours / pair.theirs))
      const { size } = statSync(file)
      const row = (name: string, of: 'ours' | 'theirs'): string[] => {
        const all = pairs.map((pair) => pair[of])
        return [name, median(all).toFixed(2), all.map((seconds) => seconds.toFixed(2)).join(' ')]
      }
      return {
        table: [['', 'wall s', 'each'], row('respite backup', 'ours'), row('redis-cli --rdb', 'theirs')],
        reached: ratio <= BAR,
        says: `ratio ${ratio.toFixed(3)} on ${(size / 1e6).toFixed(0)} MB (median of ${pairs.length} pairs)`,
        raw: { keys: KEYS, bytes: size, pairs },
      }
    } finally {
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  },
} satisfies Bench
