// `npm run bench`: the benches of bench/, all or those named, one after the other. Each prints a table and whether its
// bar was reached; all raw numbers, with the machine and the commit they are of, are kept in bench/results/.
//
//   npm run bench -- sample-cpu detection        only these
//   npm run bench -- --full                      as many tries and as long as a proof wants

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { formatTable, isBench, type Bench } from '../bench/measure/bench.ts'
import { Fault } from '../src/lib/fault.ts'
import { loadUnits } from '../src/lib/load-units.ts'

const FOLDER = fileURLToPath(new URL('../bench', import.meta.url))
const RESULTS = join(FOLDER, 'results')

function machine(): Record<string, string | number> {
  const [first] = cpus()
  const version = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { encoding: 'utf8' }).trim().split('\n')[0] ?? ''
  return {
    cpu: first?.model ?? 'unknown',
    cpus: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    server: version('redis-server', '--version'),
    commit: version('git', 'rev-parse', 'HEAD'),
    changedFiles: version('git', 'status', '--porcelain') === '' ? 'no' : 'yes',
  }
}

/** Runs one bench, prints and keeps what it found; answers its line of the summary. */
async function runBench(name: string, bench: Bench, full: boolean): Promise<{ line: string[]; reached: boolean }> {
  console.log(`\n${name}: ${bench.asks}`)
  const at = new Date()
  const begun = performance.now()
  const { table, reached, says, raw } = await bench.run({ full, say: (text) => console.log(`  · ${text}`) })
  const tookSeconds = Math.round((performance.now() - begun) / 1_000)
  console.log(formatTable(table).replaceAll(/^/gm, '  '))
  console.log(`  ${reached ? 'reached' : 'MISSED'}: ${says}; the bar: ${bench.bar} (${tookSeconds} s)`)
  mkdirSync(RESULTS, { recursive: true })
  const file = join(RESULTS, `${name}-${at.toISOString().replaceAll(':', '')}.json`)
  const kept = {
    bench: name,
    at: at.toISOString(),
    full,
    bar: bench.bar,
    reached,
    says,
    machine: machine(),
    table,
    raw,
  }
  writeFileSync(file, JSON.stringify(kept, undefined, 1))
  return { line: [name, reached ? 'reached' : 'MISSED', says, bench.bar], reached }
}

const { values, positionals } = parseArgs({ options: { full: { type: 'boolean' } }, allowPositionals: true })
const benches = await loadUnits(FOLDER, isBench)
const unknown = positionals.find((name) => !benches.has(name))
if (unknown !== undefined) {
  const fault = new Fault({
    doing: 'running the bench',
    target: unknown,
    why: 'there is none of that name',
    hint: `there are: ${[...benches.keys()].join(', ')}`,
  })
  console.error(fault.toText())
  process.exit(64)
}
const results: Awaited<ReturnType<typeof runBench>>[] = []
for (const [name, bench] of benches)
  if (positionals.length === 0 || positionals.includes(name))
    results.push(await runBench(name, bench, values.full === true))
console.log(`\n${formatTable([['bench', 'bar', 'measured', 'wanted'], ...results.map(({ line }) => line)])}`)
process.exit(results.every(({ reached }) => reached) ? 0 : 1)
