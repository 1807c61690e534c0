// From evidence to findings: every check is asked, and of what they found the root causes are told from what follows. A
// root is a fault that no other finding explains; a risk is one only where an alert has no other explanation. Two
// faults at once give two roots. A check that fails is said as "could not look", and the others go on.

import { fileURLToPath } from 'node:url'
import type { CouldNotLook } from '../fleet/server.ts'
import { reasonOf } from '../lib/fault.ts'
import { loadUnits } from '../lib/load-units.ts'
import { ACTION_RISKS, type ActionId, type Risk } from './action-ids.ts'
import {
  isCheck,
  type Answered,
  type Check,
  type Fact,
  type Found,
  type Kind,
  type RuledOut,
  type Severity,
  type Undecided,
} from './check.ts'
import { SOURCES, type ActiveAlert, type Evidence } from './evidence.ts'
import { isFedBy } from './readings/followers.ts'

export interface Finding {
  readonly check: string
  readonly kind: Kind
  readonly severity: Severity
  readonly server: string
  readonly says: string
  readonly first?: string | undefined
  readonly evidence: readonly Fact[]
  readonly ruledOut: readonly RuledOut[]
  readonly explains: readonly string[] // names of alerts, and ids of checks whose findings follow
  readonly root: boolean
  readonly actions: readonly { readonly id: ActionId; readonly why: string; readonly risk: Risk }[]
}

/** What each check would have needed and did not see, by its id; `server: source`. Empty: it saw all that it looked for. */
export type Asked = Readonly<Record<string, readonly string[]>>

export interface Diagnosis {
  readonly findings: readonly Finding[] // the roots first, then by how bad they are
  readonly undecided: readonly Undecided[]
  readonly couldNotLook: readonly CouldNotLook[] // of the evidence, and checks that failed
  readonly asked: Asked
}

const CHECKS = fileURLToPath(new URL('checks', import.meta.url))

/** Every check that there is, by id; `folders` are the operator's own. */
export async function loadChecks(folders: readonly string[] = []): Promise<ReadonlyMap<string, Check>> {
  const all = new Map<string, Check>()
  for (const folder of [CHECKS, ...folders])
    for (const [id, check] of await loadUnits(folder, isCheck)) all.set(id, check)
  return all
}

/** The same evidence always gives the same findings. */
export function diagnose(evidence: Evidence, checks: ReadonlyMap<string, Check>): Diagnosis {
  const found: Candidate[] = []
  const candidateOf = (check: string, server: string, answer: Found): Candidate => {
    return { check, server, found: answer, feeds: (other) => isFedBy(server, other, evidence) }
  }
  const undecided: Undecided[] = []
  const failed: CouldNotLook[] = []
  const asked: Record<string, readonly string[]> = {}
  for (const [check, unit] of checks) {
    const unseen = new Set<string>()
    for (const { server, answer } of answersOf(check, unit, { evidence: noting(evidence, unseen), failed })) {
      if (answer === undefined) continue
      if ('between' in answer) undecided.push({ server, ...answer })
      else found.push(candidateOf(check, answer.server ?? server, answer))
    }
    asked[check] = [...unseen]
  }
  const findings = found.map((one) => findingOf(one, found, evidence.alerts)).toSorted(byUrgency)
  const couldNotLook = [
    ...evidence.couldNotLook,
    ...evidence.servers.flatMap((server) => server.couldNotLook),
    ...failed,
  ]
  return { findings, undecided: undecided.filter((one) => !isDecided(one, findings, found)), couldNotLook, asked }
}

// What a source sees only of some servers: that a standalone server has no Sentinel's view is no lack of sight.
const OF_SOME: ReadonlySet<string> = new Set(['sentinel', 'cluster', 'supervised', 'certificate'])
const SOURCE_NAMES: ReadonlySet<string> = new Set(Object.keys(SOURCES))

/** The same evidence; which parts a check looks for and does not find is noted, so that "nothing" is told from "not seen". */
function noting(evidence: Evidence, unseen: Set<string>): Evidence {
  const servers = evidence.servers.map((server) => {
    return new Proxy(server, {
      get(target, name, receiver) {
        const value: unknown = Reflect.get(target, name, receiver)
        if (value === undefined && typeof name === 'string' && SOURCE_NAMES.has(name) && !OF_SOME.has(name))
          unseen.add(`${name} of ${target.id}`)
        return value
      },
    })
  })
  return { ...evidence, servers }
}

interface Candidate {
  readonly check: string
  readonly server: string
  readonly found: Found
  feeds(other: string): boolean // is that it, or who gets its data from it
}

interface ServerAnswer {
  readonly server: string
  readonly answer: Answered
}

function answersOf(
  id: string,
  check: Check,
  { evidence, failed }: { evidence: Evidence; failed: CouldNotLook[] },
): readonly ServerAnswer[] {
  const ask = (server: string, look: () => readonly Answered[]): ServerAnswer[] => {
    try {
      return look().map((answer) => ({ server, answer }))
    } catch (error) {
      const hint = 'this is a fault of Respite: please report it, with the evidence (--save)'
      failed.push({ at: `check ${id}`, why: reasonOf(error), hint })
      return []
    }
  }
  if ('lookAtAll' in check) return ask(evidence.servers[0]?.id ?? '', () => check.lookAtAll(evidence))
  return evidence.servers.flatMap((server) => ask(server.id, () => [check.look(server, evidence)]))
}

/** Does the first bring about the second? Nothing brings about itself. */
function brings(cause: Candidate, effect: Candidate): boolean {
  return cause !== effect && bringsCheck(cause, effect.check, effect.server)
}

function bringsCheck(cause: Candidate, id: string, server: string): boolean {
  return (cause.found.brings ?? []).some((each) => {
    const { check, on } = typeof each === 'string' ? { check: each, on: [cause.server] } : each
    if (check !== id) return false
    if (on === 'its followers') return cause.feeds(server)
    return on === 'every server' || on.includes(server)
  })
}

function findingOf(candidate: Candidate, all: readonly Candidate[], alerts: readonly ActiveAlert[]): Finding {
  const { check, server, found } = candidate
  const { kind, severity, says, first, evidence, ruledOut = [], actions = [] } = found
  const effects = all.filter((other) => brings(candidate, other)).map((other) => other.check)
  const isExplained = all.some((other) => brings(other, candidate) && !leadsBack(candidate, other))
  return {
    check,
    kind,
    severity,
    server,
    says,
    first,
    evidence,
    ruledOut,
    explains: [...(found.alerts ?? []), ...new Set(effects)],
    root: !isExplained && (kind === 'fault' || (kind === 'risk' && explainsAlone(candidate, all, alerts))),
    actions: actions.map(({ id, why }) => ({ id, why, risk: ACTION_RISKS[id] })),
  }
}

/** Two findings that name each other: the fault of the two is the cause, or the first by its id. */
function leadsBack(one: Candidate, other: Candidate): boolean {
  if (!brings(one, other)) return false
  const rank = ({ check, found }: Candidate): string => `${found.kind === 'fault' ? 0 : 1}${check}`
  return rank(one) < rank(other)
}

/** An alert that no fault accounts for. */
function explainsAlone(
  { server, found }: Candidate,
  all: readonly Candidate[],
  active: readonly ActiveAlert[],
): boolean {
  return active.some(({ name, labels }) => {
    const isOurs = (found.alerts ?? []).includes(name) && (labels['instance'] ?? server) === server
    const byFault = all.some((other) => other.found.kind === 'fault' && (other.found.alerts ?? []).includes(name))
    return isOurs && !byFault
  })
}

/** One of the two was found after all, or one that accounts for the doubt. */
function isDecided(
  { between, server = '' }: Undecided,
  findings: readonly Finding[],
  all: readonly Candidate[],
): boolean {
  if (findings.some((finding) => finding.server === server && between.includes(finding.check))) return true
  return between.every((check) => all.some((cause) => bringsCheck(cause, check, server)))
}

const SEVERITIES: readonly Severity[] = ['critical', 'warning', 'info']
const KINDS: readonly Kind[] = ['fault', 'risk', 'advice']

function byUrgency(a: Finding, b: Finding): number {
  return (
    Number(b.root) - Number(a.root) ||
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
    a.check.localeCompare(b.check) ||
    a.server.localeCompare(b.server)
  )
}
