// A million damaged RDBs: whatever a byte says, reading ends with a value or a Fault, in bounded time and memory. Seeds are
// files of a real server and one of each layout that it does not write; what happens to them is flipped bits, bytes,
// lengths that lie, parts that are cut, doubled, moved and exchanged. Every value that is found is decoded.
//
//   npm run long -- rdb [FILES] [SEED]

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '../../lab/servers.ts'
import { damagedRdb, readDamaged, type Tally } from '../rdb-damage.ts'
import { handMadeRdbs } from '../rdb-layouts.ts'

const count = Number(process.argv[2] ?? 1_000_000)
const firstSeed = Number(process.argv[3] ?? 1)
const MOST_MS = 500 // of processor time for one file of a few KiB; a garbage collection may fall into it
const MOST_MEMORY = 600 * 1024 * 1024

async function seeds(): Promise<Buffer[]> {
  const server = await startServer({ debug: true })
  const FILL = `
    for i = 1, 5 do
      redis.call('SET', 's' .. i, string.rep('abc', i * 20), 'EX', 1000)
      redis.call('RPUSH', 'l', 'a', i, string.rep('x', 100)) redis.call('SADD', 'i', i * 70000) redis.call('SADD', 'm', 'a' .. i)
      redis.call('ZADD', 'z', i / 3, 'm' .. i) redis.call('HSET', 'h', 'f' .. i, i)
      redis.call('XADD', 'x', i .. '-1', 'a', i, 'b', 'c')
    end
    redis.call('XGROUP', 'CREATE', 'x', 'g', '0') redis.call('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'x', '>')`
  const files: Buffer[] = []
  for (const limit of ['128', '0']) {
    for (const name of ['hash-max-listpack-entries', 'zset-max-listpack-entries', 'set-max-intset-entries'])
      await server.cli('CONFIG', 'SET', name, limit)
    await server.cli('FLUSHALL')
    await server.cli('EVAL', FILL, '0')
    await server.cli('SAVE')
    files.push(readFileSync(join(server.dir, 'dump.rdb')))
  }
  await server.stop()
  return [...files, ...handMadeRdbs()]
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

const files = await seeds()
const tally: Tally = { complete: 0, faults: 0, unknown: 0, values: 0, valueFaults: 0 }
let slowestMs = 0
let largestRss = 0
const started = performance.now()
for (let seed = firstSeed; seed < firstSeed + count; seed += 1) {
  const { bytes, pieceBytes } = damagedRdb(seed, files)
  const begun = cpuMs()
  try {
    readDamaged(bytes, pieceBytes, tally)
  } catch (error) {
    const folder = join(tmpdir(), 'respite-rdb-mutations')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${seed}.rdb`), bytes)
    console.log(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`)
    process.exit(1)
  }
  slowestMs = Math.max(slowestMs, cpuMs() - begun)
  if (seed % 1_000 === 0) largestRss = Math.max(largestRss, process.memoryUsage.rss())
}
const seconds = (performance.now() - started) / 1_000
const isBounded = slowestMs <= MOST_MS && largestRss <= MOST_MEMORY
console.log(`${count} damaged RDBs of ${files.length} seeds, random seeds from ${firstSeed}, ${seconds.toFixed(0)} s`)
console.log(
  `${tally.complete} read to the end, ${tally.faults} ended in a Fault, ${tally.unknown} at something unknown`,
)
console.log(`${tally.values} values decoded and made into payloads and back, ${tally.valueFaults} ended in a Fault`)
console.log(
  `the slowest took ${slowestMs.toFixed(1)} ms of CPU (limit ${MOST_MS}), memory at most ${(largestRss / 2 ** 20).toFixed(0)} MiB`,
)
console.log('nothing else was thrown')
rmSync(join(tmpdir(), 'respite-rdb-mutations'), { recursive: true, force: true })
process.exit(isBounded ? 0 : 1)
