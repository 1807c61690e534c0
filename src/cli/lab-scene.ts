// One fault made real and diagnosed, in this process: build the healthy fleet, remember what a daemon would have learned
// of it, break it, look at it as `doctor` does, and compare what is said with what is so.

import { isLabFault, type LabFault, type Scene, type Variant } from '../../lab/fault.ts'
import { INJURIES } from '../../lab/injuries.ts'
import { seededRandom } from '../../lab/random.ts'
import type { ConfiguredDeployment } from '../config.ts'
import type { Finding } from '../diagnosis/diagnose.ts'
import { rememberedFrom } from '../diagnosis/remembered.ts'
import { Fault } from '../lib/fault.ts'
import { loadUnits } from '../lib/load-units.ts'
import { nearest } from '../lib/nearest.ts'
import { BUILTIN_ONLY, readRuleSet } from '../rules/rule-set.ts'
import { watchScene } from './lab-watch.ts'
import { judge, sight, type Asked, type Examination, type Examined } from './examine.ts'
import type { Machine } from './command.ts'
import { join } from 'node:path'

const FAULTS = join(import.meta.dirname, '../../lab/faults')
const HEALTHY = join(import.meta.dirname, '../../lab/healthy')

/** All faults of the lab by id, or only that one. Throws a Fault (exit 64) for one that there is not. */
export async function labFaults(only?: string): Promise<ReadonlyMap<string, LabFault>> {
  const faults = await loadUnits(FAULTS, isLabFault)
  if (only === undefined) return faults
  const fault = faults.get(only) ?? (await healthyFleets()).get(only)
  if (fault !== undefined) return new Map([[only, fault]])
  const meant = nearest(only, [...faults.keys()])
  throw new Fault({
    doing: 'looking for the fault',
    target: only,
    why: 'the lab has no such fault',
    hint: meant === undefined ? '`respite lab list` says which there are.' : `Did you mean ${meant}?`,
    exit: 64,
  })
}

/** Fleets that are odd and well, by name. */
export function healthyFleets(): Promise<ReadonlyMap<string, LabFault>> {
  return loadUnits(HEALTHY, isLabFault)
}

/** `right`: named first. `cannot tell`: no root, and it is among those that were doubted. `missed`: nothing. `wrong`: another root. */
export type Outcome = 'right' | 'cannot tell' | 'missed' | 'wrong'

export interface Told {
  readonly fault: string
  readonly variant: string
  readonly seed: number
  readonly outcome: Outcome
  readonly first: string // the finding that was named first; '' for none
  readonly extra: readonly string[] // roots besides that nobody expected
  readonly lookedMs: number
  readonly examination: Examination
}

export interface SceneOptions {
  readonly id: string
  readonly fault: LabFault
  readonly variant: Variant
  readonly seed: number
  readonly second?: string | undefined // a second fault at once, on a replica: its id
  readonly machine: Pick<Machine, 'deploymentOfUrl' | 'makeConfig' | 'startDaemon'>
  /** Called while it is broken, after it was diagnosed; what it waits for keeps the fault there. */
  broken?(scene: Scene, told: Told): Promise<void>
}

/** Builds, breaks, looks, and ends all of it. */
export async function runScene({ id, fault, variant, seed, second, machine, broken }: SceneOptions): Promise<Told> {
  const scene = await fault.build(variant, seededRandom(seed))
  try {
    const deployment = await deploymentOf(scene, machine)
    const { groups } = readRuleSet(BUILTIN_ONLY, '.')
    const asked: Asked = { groups, dataDir: '/nonexistent', memory: { remembered: new Map(), history: undefined } }
    const before = await sight(deployment, asked)
    const watched = scene.watchMs === undefined ? undefined : await watchScene(scene, scene.watchMs, machine)
    await scene.inject()
    const victim = second === undefined ? undefined : await injure(scene, second)
    const remembered = rememberedFrom(before.evidence)
    const history = await watched?.history()
    const memory = { remembered, history }
    const examination = await judge(await sight(deployment, { ...asked, memory }))
    const told: Told = {
      fault: second === undefined ? id : `${id} and ${second}`,
      variant: variant.name,
      seed,
      ...(victim === undefined
        ? outcomeOf(id, scene.expects, examination)
        : outcomeOfTwo(id, scene.expects, examination, `${second} on ${victim}`)),
      lookedMs: examination.tookMs,
      examination,
    }
    await watched?.stop()
    await broken?.(scene, told)
    return told
  } finally {
    await scene.stop()
  }
}

/** The second fault, on a replica that has not the first; the id of that server. Throws a Fault where there is none. */
async function injure({ replicas = [], expects }: Scene, second: string): Promise<string> {
  const injury = INJURIES[second]
  const first = 'verdict' in expects ? undefined : expects.server
  const victim = replicas.find(({ id, running }) => running && id !== first)
  if (injury !== undefined && victim !== undefined) {
    await injury(victim)
    return victim.id
  }
  throw new Fault({
    doing: 'making the second fault',
    target: second,
    why: injury === undefined ? 'it cannot be a second one' : 'the scene has no replica without the first',
    hint: `Second faults: ${Object.keys(INJURIES).join(', ')}`,
    exit: 64,
  })
}

/** Both are to be named, and no other root. A first that is no fault need not be a root: nothing may be broken yet. */
function outcomeOfTwo(
  id: string,
  expects: Scene['expects'],
  { findings, undecided }: Examination,
  second: string,
): Pick<Told, 'outcome' | 'first' | 'extra'> {
  const { check = id, server, kind = 'fault', also = [] } = 'verdict' in expects ? {} : expects
  const roots = findings.filter(({ root }) => root)
  const isSecond = (finding: Finding): boolean => `${finding.check} on ${finding.server}` === second
  const others = roots.filter((one) => one.check !== check && !also.includes(one.check) && !isSecond(one))
  const named = { first: others[0]?.check ?? roots[0]?.check ?? '', extra: [] }
  if (others.length > 0) return { ...named, outcome: 'wrong' }
  const isFirst = (finding: Finding): boolean =>
    finding.check === check && (server ?? finding.server) === finding.server && (finding.root || kind !== 'fault')
  if (findings.some(isFirst) && roots.some(isSecond)) return { ...named, outcome: 'right' }
  return { ...named, outcome: undecided.length > 0 ? 'cannot tell' : 'missed' }
}

async function deploymentOf(scene: Scene, machine: SceneOptions['machine']): Promise<Examined> {
  const configured: ConfiguredDeployment = await machine.deploymentOfUrl(scene.url, {})
  const { access, supervisor, dataClass = 'store', rpoMs, expect } = scene
  return {
    ...configured,
    access,
    target: { ...configured.target, access },
    dataClass,
    ...(rpoMs === undefined ? {} : { rpoMs }),
    ...(expect === undefined ? {} : { expect }),
    ...(supervisor === undefined ? {} : { supervisor }),
  }
}

function outcomeOf(
  id: string,
  expects: Scene['expects'],
  { findings, undecided, verdict }: Examination,
): Pick<Told, 'outcome' | 'first' | 'extra'> {
  const roots = findings.filter(({ root }) => root)
  if ('verdict' in expects) {
    const names = roots.map(({ check }) => check)
    const outcome = names.length > 0 ? 'wrong' : verdict === expects.verdict ? 'right' : 'missed'
    return { outcome, first: names[0] ?? (outcome === 'missed' ? `verdict ${verdict}` : ''), extra: [] }
  }
  const { check = id, server, kind = 'fault', also = [] } = expects
  const extra = [...new Set(roots.map((one) => one.check).filter((each) => each !== check && !also.includes(each)))]
  const [first] = findings.filter((finding) => finding.check === check || !also.includes(finding.check))
  const isIt = first?.check === check && (server === undefined || first.server === server)
  const named = { first: first?.check ?? '', extra }
  // What is no fault need not come first: other risks and advice may be as true of the same server.
  const isFound = findings.some((finding) => finding.check === check && (server ?? finding.server) === finding.server)
  if (kind === 'fault' ? isIt && first.root : isFound && extra.length === 0) return { ...named, outcome: 'right' }
  if (roots.length === 0 && undecided.some(({ between }) => between.includes(check)))
    return { ...named, outcome: 'cannot tell' }
  return { ...named, outcome: roots.length === 0 ? 'missed' : 'wrong' }
}
