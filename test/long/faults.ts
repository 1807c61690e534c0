// Every fault of the lab in every variant, the fleets that are odd and well, and two faults at once, each made real and
// diagnosed. The pages of the scores are written anew: docs/faults.md and docs/faults-pairs.md.
//
//   npm run long -- faults [SEED]
//
// What was seen of a scene that was not judged right is kept, for doctor --from.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { scoreFaults, scorePage, type Failed, type Score, type ScoreLine } from '../../src/cli/lab-score.ts'
import { healthyFleets } from '../../src/cli/lab-scene.ts'

const LEAST_RIGHT = 0.95
const PAIRS = { leastRight: 0.85, mostWrong: 0.02 }
const saveTo = mkdtempSync(join(tmpdir(), 'respite-faults-'))
const seed = Number(process.argv[2] ?? 1)
const healthy = new Set((await healthyFleets()).keys())

const singles = await scored({ pairs: false, page: 'docs/faults.md' })
const faults = toldOf(singles).filter(({ fault }) => !healthy.has(fault))
const fleets = toldOf(singles).filter(({ fault }) => healthy.has(fault))
const pairs = toldOf(await scored({ pairs: true, page: 'docs/faults-pairs.md' }))

const holds = [
  bar('named first', shareOf(faults, 'right'), (share) => share >= LEAST_RIGHT),
  bar('another one named', shareOf(faults, 'wrong'), (share) => share === 0),
  bar('passed over', shareOf(faults, 'missed'), (share) => share === 0),
  bar('fleets that are well: no root, the right verdict', shareOf(fleets, 'right'), (share) => share === 1),
  bar('two at once, both named', shareOf(pairs, 'right'), (share) => share >= PAIRS.leastRight),
  bar('two at once, another one named', shareOf(pairs, 'wrong'), (share) => share <= PAIRS.mostWrong),
].every(Boolean)
if (readdirSync(saveTo).length > 0) console.error(`what was seen of those that were not right: ${saveTo}`)
else rmSync(saveTo, { recursive: true })
process.exitCode = holds ? 0 : 1

async function scored({ pairs: isPairs, page }: { pairs: boolean; page: string }): Promise<Score> {
  const score = await scoreFaults({ seed, pairs: isPairs, saveTo, onLine: showUnlessRight })
  const text = scorePage(score, { at: new Date(), healthy })
  writeFileSync(page, await format(text, { ...(await resolveConfig(page)), filepath: page }))
  const told = toldOf(score)
  console.log(`${isPairs ? 'pairs' : 'scenes'}: ${told.length} made, ${score.lines.length - told.length} could not be`)
  return score
}

function showUnlessRight(line: ScoreLine | Failed): void {
  if ('failed' in line) console.log(`  ${line.fault}, ${line.variant}: could not be made: ${line.failed}`)
  else if (line.outcome !== 'right') console.log(`  ${line.fault}, ${line.variant}: ${line.outcome} (${line.first})`)
}

function toldOf({ lines }: Score): ScoreLine[] {
  return lines.filter((line) => 'outcome' in line)
}

function shareOf(lines: readonly ScoreLine[], outcome: ScoreLine['outcome']): readonly [count: number, of: number] {
  return [lines.filter((line) => line.outcome === outcome).length, lines.length]
}

function bar(what: string, [count, of]: readonly [number, number], isKept: (share: number) => boolean): boolean {
  const kept = of > 0 && isKept(count / of)
  console.log(
    `${kept ? 'kept  ' : 'MISSED'} ${what}: ${count} of ${of} (${((100 * count) / Math.max(1, of)).toFixed(1)} %)`,
  )
  return kept
}
