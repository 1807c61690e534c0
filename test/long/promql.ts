// Random PromQL against Debian's promtool: every value within a millionth, every verdict the same.
//
//   npm run long -- promql [EXPRESSIONS] [SEED]

import { compareWithPromtool, type Comparison } from '../promql-comparison.ts'

const EACH = 500 // of one set of series
const count = Number(process.argv[2] ?? 2000)
const firstSeed = Number(process.argv[3] ?? 100)

const all: Comparison[] = []
for (let seed = firstSeed; all.length * EACH < count; seed += 1) all.push(compareWithPromtool(seed, EACH))

const sum = (of: (one: Comparison) => number): number => all.reduce((total, one) => total + of(one), 0)
const differences = all.flatMap((one) => one.differences)
console.log(`${sum((one) => one.asked)} expressions over ${all.length} random sets of series, seeds from ${firstSeed}`)
console.log(`${sum((one) => one.values)} values compared, ${sum((one) => one.refused)} expressions refused by promtool`)
console.log(`${sum((one) => one.undecided)} not compared: known differences, see test/promql-comparison.ts`)
console.log(`${differences.length} differences`)
for (const difference of differences) console.log(difference)
process.exitCode = differences.length === 0 ? 0 : 1
