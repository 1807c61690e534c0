// Every fault of the lab in every variant, diagnosed, and how often the cause was named: a confusion matrix, in which a
// doubt is not a mistake and a wrong name is the worst.

import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { INJURIES } from '../../lab/injuries.ts'
import { seededRandom } from '../../lab/random.ts'
import { fewAtOnce } from '../lib/few-at-once.ts'
import { healthyFleets, labFaults, type Outcome, type Told } from './lab-scene.ts'
import { runInside } from './lab-process.ts'

/** What the child prints of a scene: all but the examination. */
export type ScoreLine = Omit<Told, 'examination'> & { readonly roots: readonly string[] }

export interface Score {
  readonly seed: number
  readonly pairs: boolean // two faults at once
  readonly lines: readonly (ScoreLine | Failed)[]
}

/** The scene could not be made: that says nothing about the diagnosis. */
export interface Failed {
  readonly fault: string
  readonly variant: string
  readonly failed: string
}

export interface ScoreOptions {
  readonly seed: number
  readonly only?: string | undefined // one fault
  readonly variants?: number | undefined // of each, the first ones; all when absent
  readonly pairs?: boolean // two faults at once instead of one
  readonly saveTo?: string | undefined // folder for what was seen of each scene that was not judged right
  onLine?(line: ScoreLine | Failed): void
}

export async function scoreFaults(options: ScoreOptions): Promise<Score> {
  const { seed, saveTo, onLine } = options
  const scenes = options.pairs === true ? await pairs(options) : await singles(options)
  const lines: (ScoreLine | Failed)[] = []
  const inTurn = fewAtOnce(availableParallelism())
  const score = async (scene: SceneName): Promise<void> => {
    const line = await scoreScene(scene, { seed, saveTo })
    lines.push(line)
    onLine?.(line)
  }
  await Promise.all(scenes.map((scene) => inTurn(() => score(scene))))
  return { seed, pairs: options.pairs === true, lines: lines.toSorted((a, b) => a.fault.localeCompare(b.fault)) }
}

interface SceneName {
  readonly id: string
  readonly variant: string
  readonly second?: string
}

async function singles({ only, variants }: ScoreOptions): Promise<SceneName[]> {
  const all = only === undefined ? [...(await labFaults()), ...(await healthyFleets())] : await labFaults(only)
  return [...all].flatMap(([id, fault]) =>
    fault.variants.slice(0, variants).map((variant) => ({ id, variant: variant.name })),
  )
}

/**
 * Each fault of a primary with a replica, and another one of the replica at the same time: of the variant with most
 * replicas, so that one is left that has not the first. The same seed gives a fault the same seconds, alone and among all.
 */
async function pairs({ seed, only, variants = 1 }: ScoreOptions): Promise<SceneName[]> {
  if (only !== undefined) await labFaults(only) // says so where there is none
  const random = seededRandom(seed)
  const all = [...(await labFaults())].flatMap(([id, fault]) => {
    const variant = fault.variants.toSorted((a, b) => (b.replicas ?? 0) - (a.replicas ?? 0))[0]
    const seconds = Object.keys(INJURIES).filter((each) => each !== id)
    return variant?.replicas === undefined || variant.replicas === 0
      ? []
      : Array.from({ length: variants }, () => ({ id, variant: variant.name, second: random.pick(seconds) }))
  })
  return all.filter(({ id }) => only === undefined || id === only)
}

async function scoreScene(
  { id, variant, second }: SceneName,
  { seed, saveTo }: Pick<ScoreOptions, 'seed' | 'saveTo'>,
): Promise<ScoreLine | Failed> {
  const words = ['lab', 'run', id, '--variant', variant, '--seed', String(seed), '--json']
  if (second !== undefined) words.push('--second', second)
  const name = second === undefined ? id : `${id} and ${second}`
  const save = saveTo === undefined ? undefined : join(saveTo, `${name}, ${variant}.json`)
  if (save !== undefined) words.push('--save', save)
  const { out, err, exit } = await runInside(words, 'pipe')
  const line = out.trim().split('\n').at(-1) ?? ''
  try {
    const told = JSON.parse(line) as ScoreLine | { fault: { why: string } }
    if (typeof told.fault === 'string') {
      if (save !== undefined && (told as ScoreLine).outcome === 'right') rmSync(save, { force: true })
      return told as ScoreLine
    }
    return { fault: name, variant, failed: told.fault.why }
  } catch {
    return { fault: name, variant, failed: err.trim().split('\n').slice(-3).join(' ') || `it ended with ${exit}` }
  }
}

const OUTCOMES: readonly Outcome[] = ['right', 'cannot tell', 'missed', 'wrong']

interface PageWords {
  readonly title: string
  readonly command: string
  readonly about: string // after the date
  readonly of: string // what a scene is of: "fault"
}

const OF_FAULTS: PageWords = {
  title: 'How well faults are told apart',
  command: 'respite lab score',
  about: `every fault of the lab made real on this machine in every
variant, and what was named as its root. _Cannot tell_: no root was named, and the fault is among those that were doubted.`,
  of: 'fault',
}

const OF_PAIRS: PageWords = {
  title: 'How well two faults at once are told apart',
  command: 'respite lab score --pairs',
  about: `every fault of the lab that has a replica made real
on this machine in one variant, and at the same time another one of a replica that has not the first. _Right_: both are named as
roots and nothing else is; a first that is a risk or advice only has to be found. _Cannot tell_: one is not, and a doubt is said.
_Missed_: one is not, and nothing is said of it. _Wrong_: a root was named that is neither.`,
  of: 'pair',
}

/** The score as a page in Markdown: faults, fleets that are well, and every scene that was not right. */
export function scorePage(
  { seed, pairs: isPairs, lines }: Score,
  { at, healthy }: { at: Date; healthy: ReadonlySet<string> },
): string {
  const told = lines.filter((line): line is ScoreLine => 'outcome' in line)
  const failed = lines.filter((line): line is Failed => 'failed' in line)
  const broken = told.filter(({ fault }) => !healthy.has(fault))
  const well = told.filter(({ fault }) => healthy.has(fault))
  const unwell = well.filter(({ outcome }) => outcome !== 'right')
  const { title, command, about, of } = isPairs ? OF_PAIRS : OF_FAULTS
  return [
    `# ${title}`,
    '',
    `\`${command}\`, seed ${seed}, ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC: ${about}`,
    '',
    `${broken.length} scenes of ${new Set(broken.map(({ fault }) => fault)).size} ${of}s:`,
    '',
    ...OUTCOMES.map(
      (outcome) => `- ${outcome}: ${count(broken, outcome)} (${percent(count(broken, outcome), broken.length)})`,
    ),
    ...(isPairs
      ? []
      : [`- with a root besides that nobody expected: ${broken.filter(({ extra }) => extra.length > 0).length}`]),
    ...(failed.length === 0 ? [] : [`- could not be made: ${failed.length}`]),
    '',
    `| ${of} | ${OUTCOMES.join(' | ')} | named instead or besides |`,
    `|---|${OUTCOMES.map(() => '---:').join('|')}|---|`,
    ...rowsOf(broken),
    '',
    ...(well.length === 0
      ? []
      : [
          `Fleets that are odd and well: ${well.length - unwell.length} of ${well.length} with no root and the right verdict.`,
          '',
        ]),
    ...unwell.map(({ fault, variant, first }) => `- \`${fault}\`, ${variant}: ${first}`),
    ...(failed.length === 0
      ? []
      : ['Could not be made:', '', ...failed.map((one) => `- \`${one.fault}\`, ${one.variant}: ${one.failed}`)]),
    '',
  ].join('\n')
}

function rowsOf(lines: readonly ScoreLine[]): string[] {
  return [...Map.groupBy(lines, ({ fault }) => fault)].map(([fault, among]) => {
    const wrong = among.flatMap(({ outcome, first, extra }) => [...(outcome === 'wrong' ? [first] : []), ...extra])
    const counts = OUTCOMES.map((outcome) => count(among, outcome) || '')
    return `| \`${fault}\` | ${counts.join(' | ')} | ${[...new Set(wrong)].join(', ')} |`
  })
}

function count(lines: readonly ScoreLine[], outcome: Outcome): number {
  return lines.filter((line) => line.outcome === outcome).length
}

const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`
