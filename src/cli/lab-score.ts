// Every fault of the lab in every variant, diagnosed, and how often the cause was named: a confusion matrix, in which a
// doubt is not a mistake and a wrong name is the worst.

import { availableParallelism } from 'node:os'
import { healthyFleets, labFaults, type Outcome, type Told } from './lab-scene.ts'
import { runInside } from './lab-process.ts'

/** What the child prints of a scene: all but the examination. */
export type ScoreLine = Omit<Told, 'examination'> & { readonly roots: readonly string[] }

export interface Score {
  readonly seed: number
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
  onLine?(line: ScoreLine | Failed): void
}

export async function scoreFaults({ seed, only, variants, onLine }: ScoreOptions): Promise<Score> {
  const all = only === undefined ? [...(await labFaults()), ...(await healthyFleets())] : await labFaults(only)
  const scenes = [...all].flatMap(([id, fault]) =>
    fault.variants.slice(0, variants).map((variant) => ({ id, variant: variant.name })),
  )
  const lines: (ScoreLine | Failed)[] = []
  const work = scenes.values()
  const worker = async (): Promise<void> => {
    for (const { id, variant } of work) {
      const line = await scoreScene(id, variant, seed)
      lines.push(line)
      onLine?.(line)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return { seed, lines: lines.toSorted((a, b) => a.fault.localeCompare(b.fault)) }
}

async function scoreScene(id: string, variant: string, seed: number): Promise<ScoreLine | Failed> {
  const words = ['lab', 'run', id, '--variant', variant, '--seed', String(seed), '--json']
  const { out, err, exit } = await runInside(words, 'pipe')
  const line = out.trim().split('\n').at(-1) ?? ''
  try {
    const told = JSON.parse(line) as ScoreLine | { fault: { why: string } }
    if (typeof told.fault === 'string') return told as ScoreLine
    return { fault: id, variant, failed: told.fault.why }
  } catch {
    return { fault: id, variant, failed: err.trim().split('\n').slice(-3).join(' ') || `it ended with ${exit}` }
  }
}

const OUTCOMES: readonly Outcome[] = ['right', 'cannot tell', 'missed', 'wrong']

/** The score as a page: how many of each outcome, and every scene that was not right. */
export function scorePage({ seed, lines }: Score): string {
  const told = lines.filter((line): line is ScoreLine => 'outcome' in line)
  const failed = lines.filter((line): line is Failed => 'failed' in line)
  const of = (outcome: Outcome, among: readonly ScoreLine[] = told): number =>
    among.filter((line) => line.outcome === outcome).length
  const faults = [...new Set(told.map(({ fault }) => fault))]
  const rows = faults.map((fault) => {
    const among = told.filter((line) => line.fault === fault)
    const others = [
      ...new Set(among.flatMap(({ outcome, first, extra }) => [...(outcome === 'wrong' ? [first] : []), ...extra])),
    ]
    return `| \`${fault}\` | ${OUTCOMES.map((outcome) => of(outcome, among) || '').join(' | ')} | ${others.join(', ')} |`
  })
  return [
    `Seed ${seed}; ${told.length} scenes of ${faults.length} faults.`,
    '',
    ...OUTCOMES.map(
      (outcome) => `- ${outcome}: ${of(outcome)} (${((100 * of(outcome)) / Math.max(1, told.length)).toFixed(1)} %)`,
    ),
    `- with a root besides that nobody expected: ${told.filter(({ extra }) => extra.length > 0).length}`,
    ...(failed.length === 0 ? [] : [`- could not be made: ${failed.length}`]),
    '',
    `| fault | ${OUTCOMES.join(' | ')} | named instead or besides |`,
    `|---|${OUTCOMES.map(() => '---:').join('|')}|---|`,
    ...rows,
    ...(failed.length === 0
      ? []
      : [
          '',
          'Could not be made here:',
          '',
          ...failed.map((one) => `- \`${one.fault}\`, ${one.variant}: ${one.failed}`),
        ]),
    '',
  ].join('\n')
}
