// Random rule files and unit tests of them against Debian's promtool: same verdicts, same alerts, same texts.
//
//   npm run long -- rules [FILES] [SEED]

import { compareRules, type RulesComparison } from '../rules-comparison.ts'

const EACH = 200
const count = Number(process.argv[2] ?? 2000)
const firstSeed = Number(process.argv[3] ?? 1000)

const all: RulesComparison[] = []
for (let seed = firstSeed; all.length * EACH < count; seed += 1) all.push(await compareRules(seed, EACH))

const sum = (of: (one: RulesComparison) => number): number => all.reduce((total, one) => total + of(one), 0)
const differences = all.flatMap((one) => one.differences)
console.log(
  `${sum((one) => one.files)} random rule files, seeds from ${firstSeed}; ${sum((one) => one.wrong)} of them wrong`,
)
console.log(`${sum((one) => one.tests)} unit tests of them, which expect ${sum((one) => one.alerts)} alerts`)
console.log(`${differences.length} differences`)
for (const difference of differences) console.log(difference)
process.exitCode = differences.length === 0 ? 0 : 1
