// Puts diagnosis/ together with the fleet, the samples and the alerts: an alert that is pending is looked into at once,
// and every deployment is looked at now and then although nothing is wrong, so that what will break is known before it
// does, and what only a server that answers can say is remembered for when it no longer does.

import type { Alert } from './alerts/alert.ts'
import { WATCHDOG, severityOf } from './alerts/alert.ts'
import type { Cause, Causes } from './alerts/cause.ts'
import type { ConfiguredDeployment, DiagnosisSettings } from './config.ts'
import { atRisk } from './diagnosis/at-risk.ts'
import { Chronicle } from './diagnosis/chronicle.ts'
import { diagnose, loadChecks, type Diagnosis, type Finding } from './diagnosis/diagnose.ts'
import type { BackupsSeen, Declared, Evidence, HistorySeen } from './diagnosis/evidence.ts'
import { gatherEvidence } from './diagnosis/gather.ts'
import type { DiagnosisAsked } from './api/diagnosis-routes.ts'
import { keyOf, type Incident, type IncidentAlert } from './diagnosis/incident.ts'
import { Incidents, type IncidentRecords, type Looked } from './diagnosis/incidents.ts'
import { Machine } from './diagnosis/machine.ts'
import { rememberedFrom } from './diagnosis/remembered.ts'
import type { Remembered } from './diagnosis/source.ts'
import type { Fleet } from './fleet/server.ts'
import type { Clock, Timer } from './lib/clock.ts'
import { reasonOf } from './lib/fault.ts'
import { fewAtOnce } from './lib/few-at-once.ts'
import type { Notices } from './lib/notices.ts'
import { phaseOf } from './lib/phase.ts'
import type { ArchivedShard } from './metrics/archive-series.ts'
import type { History, Points } from './metrics/history.ts'
import type { RuleAlert } from './rules/rule-alert.ts'

export interface DiagnosisOptions {
  readonly deployments: readonly ConfiguredDeployment[]
  readonly fleet: Fleet
  readonly history: History
  readonly records: IncidentRecords
  readonly backups: (deployment: string) => BackupsSeen | undefined
  readonly clock: Clock
  readonly notices: Notices
  readonly settings: DiagnosisSettings
  readonly onChange: () => void // a cause became known, or is another
}

/** What one look at a deployment found, and when. */
interface Standing extends Looked {
  readonly at: number // epoch ms
}

export interface RunningDiagnosis {
  readonly causes: Causes
  readonly incidents: Incidents
  takeAlerts(alerts: readonly RuleAlert[]): void
  readonly asked: DiagnosisAsked // what the API may ask
  reconfigure(deployments: readonly ConfiguredDeployment[]): void
  stop(): void
}

/** What the archive of a deployment tells of it; undefined where nothing is backed up. */
export function backupsSeen(shards: readonly ArchivedShard[]): BackupsSeen | undefined {
  if (shards.length === 0) return undefined
  const oldest = (of: (shard: ArchivedShard) => number | undefined): number | undefined => {
    const seconds = shards.map(of)
    return seconds.includes(undefined) ? undefined : Math.min(...seconds.map(Number)) * 1_000
  }
  const lags = shards.map(({ lagSeconds }) => lagSeconds)
  return {
    lastBaseAt: oldest(({ lastBaseSeconds }) => lastBaseSeconds),
    verifiedAt: oldest(({ verifiedSeconds }) => verifiedSeconds),
    lagSeconds: lags.includes(undefined) ? undefined : Math.max(...lags.map(Number)),
    notFollowed: shards.find(({ notFollowed }) => notFollowed !== undefined)?.notFollowed,
    trouble: shards.flatMap(({ shard, trouble }) =>
      trouble.map((says) => (shards.length === 1 ? says : `shard ${shard}: ${says}`)),
    ),
  }
}

const FIRST_LOOK_MS = 3_000 // early: what is not remembered of a server is not known once it is dead
const APART_MS = 250 // between the first looks of two deployments, about

// An alert may be true of two hundred deployments in the same moment; each look holds a megabyte for two seconds.
const LOOKS_AT_ONCE = 24
// How old what is known of the machine may be: all who look because something is wrong, at about the same moment, share it.
const MACHINE_MS = { asked: 1_000, again: 30_000, routine: 120_000 }

export function startDiagnosis(options: DiagnosisOptions): RunningDiagnosis {
  return new Diagnosing(options)
}

class Diagnosing implements RunningDiagnosis {
  readonly incidents: Incidents
  readonly causes: Causes
  readonly asked: DiagnosisAsked
  readonly #options: DiagnosisOptions
  readonly #chronicle = new Chronicle()
  readonly #machine = new Machine()
  readonly #inTurn = fewAtOnce(LOOKS_AT_ONCE)
  readonly #remembered = new Map<string, Map<string, Remembered>>() // by deployment, by server id
  readonly #standing = new Map<string, Standing>()
  readonly #timers = new Map<string, Timer>()
  readonly #alerts = new Map<string, RuleAlert>() // that are not over, by fingerprint
  #deployments: readonly ConfiguredDeployment[]
  #stopped = false

  constructor(options: DiagnosisOptions) {
    const { clock, records, fleet, notices, settings, onChange } = options
    this.#options = options
    this.#deployments = options.deployments
    this.incidents = new Incidents({
      clock,
      records,
      waitMs: settings.waitMs,
      onChange,
      chronicle: this.#chronicle,
      look: (deployment, isRoutine) => this.#look(deployment, isRoutine ? MACHINE_MS.again : MACHINE_MS.asked),
      onTrouble: (says) => notices.tell('error', says),
    })
    this.causes = {
      waitMs: ({ fingerprint, life }) => this.incidents.waitMs({ fingerprint, activeAt: life.activeAt }),
      causeOf: (alert) => this.#causeOf(alert),
    }
    this.asked = {
      runbookFolders: settings.runbookFolders,
      incidents: () => this.incidents.list(),
      standing: () => [...this.#standing].map(([deployment, looked]) => ({ deployment, ...looked })),
      memory: (deployment) => ({
        remembered: this.#remembered.get(deployment) ?? new Map<string, Remembered>(),
        history: this.#historyOf(deployment),
        backups: options.backups(deployment),
        declared: this.#declaredOf(deployment),
      }),
    }
    fleet.onChange((view) => {
      this.#chronicle.noteView(view, clock.now())
      this.incidents.lookSoon(view.deployment)
    })
    this.reconfigure(options.deployments)
  }

  takeAlerts(alerts: readonly RuleAlert[]): void {
    for (const alert of alerts) {
      const { deployment } = alert.labels
      if (deployment === undefined || alert.name === WATCHDOG) continue
      if (alert.state === 'resolved') this.#alerts.delete(alert.fingerprint)
      else this.#alerts.set(alert.fingerprint, alert)
      if (severityOf(alert.labels) !== 'info') this.incidents.take(deployment, incidentAlert(alert))
    }
  }

  reconfigure(deployments: readonly ConfiguredDeployment[]): void {
    this.#deployments = deployments
    for (const [name, timer] of this.#timers)
      if (!deployments.some((one) => one.name === name)) {
        timer.stop()
        this.#timers.delete(name)
        this.#standing.delete(name)
      }
    for (const { name } of deployments)
      if (!this.#timers.has(name)) this.#lookIn(name, FIRST_LOOK_MS + phaseOf(name, APART_MS * deployments.length))
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers.values()) timer.stop()
    this.incidents.stop()
  }

  #lookIn(deployment: string, delayMs: number): void {
    const { clock, settings } = this.#options
    const look = async (): Promise<void> => {
      const lookedAt = this.#standing.get(deployment)?.at ?? Number.NEGATIVE_INFINITY
      const isDueInMs = lookedAt + settings.everyMs - clock.now()
      // Of an open incident it was looked at since.
      if (isDueInMs > 0 && isDueInMs <= settings.everyMs) return this.#lookIn(deployment, isDueInMs)
      await this.#look(deployment, MACHINE_MS.routine).catch((error: unknown) => {
        this.#options.notices.tell('error', `${deployment} could not be looked at: ${reasonOf(error)}`)
      })
      if (!this.#stopped && this.#timers.has(deployment)) this.#lookIn(deployment, settings.everyMs)
    }
    this.#timers.set(
      deployment,
      clock.after(delayMs, () => void look()),
    )
  }

  async #look(deployment: string, machineMaxAgeMs: number): Promise<Standing> {
    const { fleet, clock, backups, settings } = this.#options
    const view = fleet.deployments().find(({ name }) => name === deployment)
    const declared = this.#declaredOf(deployment)
    if (view === undefined || declared === undefined) throw new Error('it is not watched any more')
    const evidence = await this.#inTurn(() =>
      gatherEvidence({
        deployment: view,
        servers: fleet.servers().filter((server) => server.view.deployment === deployment),
        declared,
        nowMs: clock.now(),
        machine: this.#machine,
        machineMaxAgeMs,
        remembered: this.#remembered.get(deployment) ?? new Map(),
        alerts: [...this.#alerts.values()]
          .filter(({ labels }) => labels['deployment'] === deployment)
          .map(({ name, labels }) => ({ name, labels })),
        history: this.#historyOf(deployment),
        backups: backups(deployment),
      }),
    )
    this.#chronicle.noteEvidence(evidence)
    this.#remember(evidence)
    const found: Diagnosis = diagnose(evidence, await loadChecks(settings.checkFolders))
    const { says } = atRisk(evidence)
    // Of a primary that says nothing any more, what it last said counts.
    const known = says.length > 0 ? says : (this.#standing.get(deployment)?.atRisk ?? [])
    const standing = { ...found, atRisk: known, at: evidence.takenAt }
    this.#standing.set(deployment, standing)
    return standing
  }

  /** What a server said of itself stays known when it says nothing any more. */
  #remember(evidence: Evidence): void {
    const known = this.#remembered.get(evidence.deployment.name) ?? new Map<string, Remembered>()
    for (const [id, remembered] of rememberedFrom(evidence)) known.set(id, remembered)
    this.#remembered.set(evidence.deployment.name, known)
  }

  /** What the configuration says of it. */
  #declaredOf(deployment: string): Declared | undefined {
    const configured = this.#deployments.find(({ name }) => name === deployment)
    if (configured === undefined) return undefined
    const { dataClass, rpoMs, expect, namespaces } = configured
    return { dataClass, rpoMs, expect, namespaces }
  }

  #historyOf(deployment: string): HistorySeen | undefined {
    const { history, clock } = this.#options
    return historySeen(history, deployment, clock.now())
  }

  #causeOf({ fingerprint }: Alert): Cause | undefined {
    const known = this.incidents.causeOf(fingerprint)
    return known === undefined ? undefined : causeWords(known.incident, known.root)
  }
}

function incidentAlert(alert: RuleAlert): IncidentAlert {
  const { fingerprint, name, labels, annotations, state, activeAt, firedAt, resolvedAt } = alert
  return {
    fingerprint,
    name,
    severity: severityOf(labels),
    server: labels['instance'],
    summary: annotations['summary'] ?? '',
    state,
    activeAt,
    ...(firedAt === undefined ? {} : { firedAt }),
    ...(resolvedAt === undefined ? {} : { resolvedAt }),
  }
}

function causeWords({ id, atRisk }: Incident, root: Finding): Cause {
  const { check, says, first, evidence, ruledOut, actions } = root
  return {
    id: keyOf(root),
    incident: id,
    check,
    says,
    proof: evidence.map(({ source, name, value }) => `${source}: ${name} ${value}`),
    not: ruledOut.map((one) => `${one.check}: ${one.by}`),
    helps: [
      ...(first === undefined ? [] : [first]),
      ...actions.map((action) => `${action.id} (risk: ${action.risk}): ${action.why}`),
    ],
    atRisk,
  }
}

// What checks that need the past ask for, by redis_exporter's names.
const SERIES = [
  'redis_blocked_clients',
  'redis_commands_processed_total',
  'redis_connected_clients',
  'redis_connections_received_total',
  'redis_db_keys',
  'redis_db_keys_expiring',
  'redis_evicted_keys_total',
  'redis_expired_keys_total',
  'redis_master_repl_offset',
  'redis_memory_used_bytes',
  'redis_uptime_in_seconds',
]
const REACH_MS = 3_600_000
const MOST_POINTS = 120 // of each series: what an hour looks like, not each sample

/** One of so many, and the last. */
function thinned({ timestamps, values }: Points): [atMs: number, value: number][] {
  const step = Math.ceil(timestamps.length / MOST_POINTS)
  const kept: [number, number][] = []
  for (const [at, atMs] of timestamps.entries())
    if (at % step === 0 || at === timestamps.length - 1) kept.push([atMs, values[at] ?? Number.NaN])
  return kept
}

/** The samples of a deployment's last hour, thinned; undefined while there are none. */
function historySeen(history: History, deployment: string, nowMs: number): HistorySeen | undefined {
  const series = SERIES.flatMap((name) =>
    history
      .select(name, (labels) => labels['deployment'] === deployment, nowMs - REACH_MS, nowMs)
      .map((points) => ({ name, labels: { ...points.labels }, points: thinned(points) })),
  )
  const first = Math.min(...series.map(({ points }) => points[0]?.[0] ?? Infinity))
  return series.length === 0 ? undefined : { heldMs: nowMs - first, series }
}
