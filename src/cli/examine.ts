// One look at the deployment behind one URL: who belongs to it, how each server answers, the health summary that a
// person would read out of INFO, the evidence that the checks are asked about, and a verdict. Nothing is kept and nothing
// is changed. What was seen can be saved and judged again elsewhere.

import { atRisk, type AtRisk } from '../diagnosis/at-risk.ts'
import { diagnose, loadChecks, type Diagnosis, type Finding } from '../diagnosis/diagnose.ts'
import type { DeploymentSeen, Evidence } from '../diagnosis/evidence.ts'
import { gatherEvidence, type Gathering } from '../diagnosis/gather.ts'
import type { LookOptions, Remembered } from '../diagnosis/source.ts'
import type { DeploymentOptions } from '../fleet/watch-deployment.ts'
import type { CouldNotLook, DeploymentView, Fleet, ServerView } from '../fleet/server.ts'
import type { SampleSettings } from '../metrics/collector.ts'
import type { RuleAlert } from '../rules/rule-alert.ts'
import type { RuleGroup } from '../rules/rule-file.ts'
import { askHistory, type History } from '../api/ask-history.ts'
import { askMemory, type Memory } from '../api/ask-memory.ts'
import { evaluateOnce } from './evaluate-once.ts'
import { NOTHING_EXPECTED } from '../fleet/standing.ts'
import { watchFleet } from '../fleet/watch-fleet.ts'
import { systemClock } from '../lib/clock.ts'
import { silentLog } from '../lib/log.ts'
import { ANSWERS } from '../redis/answers.ts'
import { parseAddress, showAddress, type Target } from '../redis/url.ts'

export type Verdict = 'healthy' | 'warning' | 'critical' | 'unreachable'

/** What was seen, before anybody judges it: plain JSON, so that it can be saved. */
export interface Sighting {
  readonly target: string // the URL without a password
  readonly deployment: DeploymentView
  readonly alerts: readonly RuleAlert[] // of this look
  readonly history?: HistoryFound | undefined // of the rules that a running daemon answered
  readonly evidence: Evidence
  readonly couldNotLook: readonly CouldNotLook[]
  readonly tookMs: number
}

/** What a running daemon answered, with its rules by name. */
export type HistoryFound = Omit<History, 'rules'> & { readonly rules: readonly string[] }

export interface Examination extends Sighting {
  readonly verdict: Verdict
  readonly reasons: readonly string[] // why the verdict is not healthy, a sentence each
  readonly findings: readonly Finding[]
  readonly undecided: Diagnosis['undecided']
  readonly atRisk: AtRisk // what would be lost now
  readonly asked: Diagnosis['asked']
}

const SETTLE_MS = 4_500 // includes the two seconds after which Sentinels introduce themselves

/** What is examined: one deployment. */
export interface Examined extends DeploymentOptions {
  readonly settings: SampleSettings
  readonly dataClass: DeploymentSeen['dataClass']
  readonly rpoMs?: number | undefined
  readonly namespaces: DeploymentSeen['namespaces']
}

/** What is asked of it, and which daemon may know more of it than one look. */
export interface Asked {
  readonly groups: readonly RuleGroup[]
  readonly dataDir: string
  readonly forMs?: number // how long it is looked; one moment when absent
  readonly look?: LookOptions // of the server that the URL names
  readonly checkFolders?: readonly string[] // of checks that an operator wrote
  readonly memory?: Memory // of the daemon; it is asked when absent
}

/** Looks, and judges what was seen. */
export async function examine(options: Examined, asked: Asked): Promise<Examination> {
  return judge(await sight(options, asked), asked.checkFolders)
}

/** Looks, and judges nothing yet. */
export async function sight(options: Examined, asked: Asked): Promise<Sighting> {
  const { groups, dataDir } = asked
  const started = performance.now()
  const named = options.target.seeds.map((address) => ({ id: showAddress(address), address }))
  const memory = asked.memory ?? (await askMemory(dataDir, named))
  const target = withRemembered(options.target, memory)
  const fleet = watchFleet({
    deployments: [{ ...options, target }],
    expected: NOTHING_EXPECTED,
    clock: systemClock,
    log: silentLog,
  })
  try {
    const settled = await fleet.settled(SETTLE_MS)
    const couldNotLook: CouldNotLook[] = []
    if (!settled) couldNotLook.push(unsettled(fleet))
    const [deployment] = fleet.deployments()
    if (deployment === undefined) throw new Error('the fleet has no deployment')
    const { forMs = 0 } = asked
    const evaluated = evaluateOnce(fleet, options.settings, groups, forMs)
    if (forMs > 0) await evaluated // what is found is what is so at the end
    const [{ alerts, unanswered }, evidence] = await Promise.all([
      evaluated,
      gatherEvidence(gatheringOf(options, asked, { fleet, deployment, memory })),
    ])
    const { history, couldNotLook: notAnswered } = await askHistory(dataDir, deployment, unanswered)
    couldNotLook.push(...notAnswered, ...deployment.couldNotLook)
    const active = [...alerts, ...(history?.alerts ?? [])].map(({ name, labels }) => ({ name, labels }))
    return {
      target: options.target.shown,
      alerts,
      history: history && { ...history, rules: [...new Set(history.rules.map(({ name }) => name))] },
      deployment,
      evidence: { ...evidence, alerts: active },
      couldNotLook,
      tookMs: Math.round(performance.now() - started),
    }
  } finally {
    fleet.stop()
  }
}

/** A server that says nothing cannot name the others of its deployment: they are remembered. */
function withRemembered(target: Target, { remembered }: Memory): Target {
  const isWanted = ({ role }: Remembered): boolean => (role === 'sentinel') === (target.kind === 'sentinel')
  const known = [...remembered.values()].filter(isWanted).flatMap(({ address }) => address ?? [])
  const seeds = new Map(target.seeds.map((address) => [showAddress(address), address]))
  for (const text of known)
    if (!seeds.has(text)) seeds.set(text, text.startsWith('/') ? { path: text } : parseAddress(text))
  return { ...target, seeds: [...seeds.values()] }
}

/** Of the same sighting always the same. */
export async function judge(sighting: Sighting, checkFolders: readonly string[] = []): Promise<Examination> {
  const { deployment, alerts, history, evidence } = sighting
  const { findings, undecided, asked, couldNotLook: notSeen } = diagnose(evidence, await loadChecks(checkFolders))
  const said = [...alerts, ...(history?.alerts ?? [])]
  const reasons = [...findings.filter(counts).map(reasonOfFinding), ...reasonsOf(deployment), ...alarming(said)]
  return {
    ...sighting,
    findings,
    undecided,
    atRisk: atRisk(evidence),
    asked,
    reasons,
    verdict: verdictOf(sighting, reasons, findings),
    couldNotLook: unique([...sighting.couldNotLook, ...notSeen]).toSorted((a, b) => a.at.localeCompare(b.at)),
  }
}

/** Advice changes no verdict, and neither does what is only worth knowing. */
function counts({ kind, severity }: Finding): boolean {
  return kind !== 'advice' && severity !== 'info'
}

function reasonOfFinding({ root, check, says }: Finding): string {
  return `${root ? 'root cause ' : ''}${check}: ${says}`
}

function unique(entries: readonly CouldNotLook[]): CouldNotLook[] {
  return [...new Map(entries.map((entry) => [`${entry.at} ${entry.why}`, entry])).values()]
}

function gatheringOf(
  { dataClass, rpoMs, expect, namespaces, target }: Examined,
  { look }: Asked,
  { fleet, deployment, memory }: { fleet: Fleet; deployment: DeploymentView; memory: Memory },
): Gathering {
  const { remembered, history, backups, declared = { dataClass, rpoMs, expect, namespaces } } = memory
  const servers = fleet.servers()
  const seeds = new Set(target.seeds.map(showAddress))
  const named = servers.find(({ view }) => seeds.has(showAddress(view.address)))?.view.id ?? ''
  return {
    deployment,
    servers,
    declared,
    remembered,
    history,
    backups,
    nowMs: Date.now(),
    ...(look === undefined ? {} : { options: new Map([[named, look]]) }),
  }
}

function unsettled(fleet: Fleet): CouldNotLook {
  const waiting = fleet.servers().filter(({ view }) => view.answer.id === 'unasked' || view.version === undefined)
  const ids = waiting.map(({ view }) => view.id).join(', ')
  return {
    at: 'topology',
    why:
      ids === ''
        ? `somebody listens as Sentinels do, and none introduced itself within ${SETTLE_MS / 1000} s`
        : `not all servers could be asked within ${SETTLE_MS / 1000} s: ${ids}`,
    hint: 'run it again; a slow network needs more time',
  }
}

/** Does this server serve writes, as far as is known? A server that others follow and that says nothing counts. */
function servesWrites(server: ServerView): boolean {
  return server.role === 'primary' || server.role === 'unknown'
}

function reasonsOf(deployment: DeploymentView): string[] {
  const reasons = deployment.servers
    .filter((server) => ANSWERS[server.answer.id].severity !== 'ok')
    .map(
      (server) => `${server.role} ${server.id}: ${ANSWERS[server.answer.id].says}. ${ANSWERS[server.answer.id].means}`,
    )
  for (const server of deployment.servers)
    if (server.answer.id === 'ok' && server.linkUp === false)
      reasons.push(`replica ${server.id}: its link to the primary ${server.primary ?? ''} is down.`)
  return [...reasons, ...deployment.problems]
}

/** One look with `for` as nothing is a warning, however severe the rule would be after its time. */
function alarming(alerts: readonly RuleAlert[]): string[] {
  return alerts
    .filter(({ labels }) => labels['severity'] !== 'info')
    .map(({ name, annotations }) => `alert ${name}: ${annotations['summary'] ?? annotations['description'] ?? ''}`)
}

/**
 * The verdict speaks of the deployment: a replica that is down costs redundancy, a primary that is down costs service. What
 * fires in a daemon has waited its time, so that it is as severe as its rule says.
 */
function verdictOf(
  { deployment, couldNotLook, history }: Sighting,
  reasons: readonly string[],
  findings: readonly Finding[],
): Verdict {
  const { servers } = deployment
  if (servers.every((server) => ANSWERS[server.answer.id].alive !== true)) return 'unreachable'
  if (servers.some((server) => servesWrites(server) && ANSWERS[server.answer.id].severity === 'critical'))
    return 'critical'
  if (findings.some((finding) => counts(finding) && finding.severity === 'critical')) return 'critical'
  if (history?.alerts.some(({ state, labels }) => state === 'firing' && labels['severity'] === 'critical'))
    return 'critical'
  const lookedAtNothing = couldNotLook.some((entry) => entry.at.endsWith(' INFO') || entry.at === 'topology')
  return reasons.length > 0 || lookedAtNothing ? 'warning' : 'healthy'
}
