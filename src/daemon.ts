// The whole machine on one page: what the parts are, what each is handed, in which order they start and stop. The only
// file that knows all of them; tests start it in their own process.

import { join } from 'node:path'
import manifest from '../package.json' with { type: 'json' }
import { alertOnRules } from './alert-on-rules.ts'
import { openNotifiers } from './alerts/notifier.ts'
import { SOCKET_NAME, startApi } from './api/start-api.ts'
import { writeTokenIn } from './api/write-token.ts'
import type { Daemon, DaemonOptions } from './cli/command.ts'
import { watchConfig, type ConfigWatch } from './config-watch.ts'
import type { Config } from './config.ts'
import type { ExpectedServers } from './fleet/standing.ts'
import type { Fleet, Role } from './fleet/server.ts'
import { watchFleet } from './fleet/watch-fleet.ts'
import { systemClock, type Clock } from './lib/clock.ts'
import { reasonOf } from './lib/fault.ts'
import { makeLog, type Log } from './lib/log.ts'
import { makeNotices, type Notices } from './lib/notices.ts'
import { formatDuration } from './lib/units.ts'
import type { ArchivedShard } from './metrics/archive-series.ts'
import { Metrics } from './metrics/watch-metrics.ts'
import type { IncidentRecords } from './diagnosis/incidents.ts'
import type { RuleAlert } from './rules/rule-alert.ts'
import { historyStorage } from './rules/history-storage.ts'
import type { Rules } from './rules/start-rules.ts'
import { startAlerts, type RunningAlerts } from './start-alerts.ts'
import { startArchives, type Archives } from './start-archives.ts'
import { backupsSeen, startDiagnosis, type RunningDiagnosis } from './start-diagnosis.ts'
import { openState, type State } from './state/open-state.ts'

/** Starts to watch; resolves when the API listens, which is before the first server has answered. Throws a Fault. */
export async function startDaemon({ config, logLevel = 'info' }: DaemonOptions): Promise<Daemon> {
  const clock = systemClock
  const log = makeLog(logLevel)
  const notices = makeNotices(clock, log)
  for (const warning of config.warnings) notices.tell('warn', warning)
  let url = ''
  const parts = await startParts(config, { clock, log, notices, externalUrl: () => url })
  const { fleet, metrics, rules, alerting, archives, diagnosis } = parts
  const { alerts } = alerting
  const api = await startApi({
    listen: config.listen,
    listenMetrics: config.listenMetrics,
    socketPath: join(config.dataDir, SOCKET_NAME),
    parts: {
      fleet,
      log,
      metricsPage: () => metrics.page(),
      slowCommands: (deployment, id) => metrics.slowCommands(deployment, id),
      notReady: () => notReady(fleet),
      rules,
      samples: historyStorage(metrics.history),
      alerting: { alerts, token: writeTokenIn(config.dataDir), version: manifest.version, url: () => url },
      diagnosis: diagnosis.asked,
      stalled: parts.unwell,
    },
  }).catch(async (error: unknown) => {
    await parts.stop()
    throw error
  })
  url = api.url
  const configWatch = followConfig(config, { fleet, metrics, rules, alerting, archives, diagnosis, notices })
  return {
    url: api.url,
    metricsUrl: api.metricsUrl,
    fleet,
    metrics,
    alerts,
    notices,
    async stop() {
      configWatch.stop()
      await api.close()
      await parts.stop()
    },
  }
}

interface Surroundings {
  readonly clock: Clock
  readonly log: Log
  readonly notices: Notices
  readonly externalUrl: () => string
}

interface Parts extends Omit<Reconfigured, 'notices'> {
  readonly unwell: () => string | undefined // why nothing would be seen or told now
  stop(): Promise<void>
}

/** Everything but the doors, in the order in which samples become alerts. */
async function startParts(config: Config, { clock, log, notices, externalUrl }: Surroundings): Promise<Parts> {
  const senders = await openNotifiers(config.alerts.notify)
  const state = openState(config.dataDir)
  const expected = expectedIn(state, clock, notices)
  const fleet = watchFleet({ deployments: config.deployments, expected, clock, log })
  const { deployments, historyMs, dataDir } = config
  const archives = startArchives(deployments, { fleet, dataDir, clock, log, notices })
  const archived = (deployment: string): readonly ArchivedShard[] => archives.shards(deployment)
  const metrics = new Metrics({ fleet, deployments, historyMs, archived, version: manifest.version, clock, log })
  const standstill = watchForStandstill(fleet, clock)
  const unwell = (): string | undefined => standstill() ?? notEvaluated(rules, clock)
  const settings = config.alerts
  const { history } = metrics
  const diagnosis = startDiagnosis({
    deployments,
    fleet,
    history,
    settings: config.diagnosis,
    records: state.incidents as IncidentRecords,
    backups: (deployment) => backupsSeen(archived(deployment)),
    clock,
    notices,
    onChange: () => alerting.alerts.causesChanged(),
  })
  const { causes } = diagnosis
  const alerting = startAlerts({ settings, senders, fleet, state, causes, clock, notices, unwell, externalUrl })
  const { alerts } = alerting
  const onAlerts = (all: readonly RuleAlert[]): void => diagnosis.takeAlerts(all)
  const given = { rules: config.rules, history, alerts, fleet, state, clock, notices, externalUrl, onAlerts }
  const rules = alertOnRules(given)
  return {
    fleet,
    metrics,
    rules,
    alerting,
    unwell,
    archives,
    diagnosis,
    async stop() {
      rules.stop()
      diagnosis.stop()
      metrics.stop()
      await archives.stop() // while the fleet can still be asked
      fleet.stop()
      await alerting.stop()
      state.close()
    },
  }
}

interface Reconfigured {
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly rules: Rules
  readonly alerting: RunningAlerts
  readonly archives: Archives
  readonly diagnosis: RunningDiagnosis
  readonly notices: Notices
}

function followConfig(
  config: Config,
  { fleet, metrics, rules, alerting, archives, diagnosis, notices }: Reconfigured,
): ConfigWatch {
  const reload = (next: Config): void => {
    fleet.reconfigure(next.deployments)
    metrics.reconfigure(next.deployments)
    archives.reconfigure(next.deployments)
    diagnosis.reconfigure(next.deployments)
    alerting.reconfigure(next.alerts)
    rules.reload(next.rules.groups)
    for (const warning of next.warnings) notices.tell('warn', warning)
    notices.tell('info', `took the new configuration: ${next.deployments.map((one) => one.name).join(', ')}`)
  }
  return watchConfig(config, {
    onChange: reload,
    onRefused: (fault) => notices.tell('error', `kept the old configuration: ${fault.toText()}`),
  })
}

/** What the first look still waits for. A server that does not answer was looked at all the same. */
function notReady(fleet: Fleet): string[] {
  return fleet
    .servers()
    .filter(({ view }) => view.answer.id === 'unasked')
    .map(({ view }) => `${view.id} of ${view.deployment} was not looked at yet`)
}

const STANDSTILL_MS = 30_000 // six times the slowest pace at which a server that suffers is looked at

/** A sentence when no server was looked at for long, although this process answers. */
function watchForStandstill(fleet: Fleet, clock: Clock): () => string | undefined {
  let lastAt = clock.monotonic()
  fleet.onAnswer(() => void (lastAt = clock.monotonic()))
  return () => {
    const forMs = clock.monotonic() - lastAt
    if (forMs < STANDSTILL_MS || fleet.servers().length === 0) return undefined
    return `no server was looked at for ${formatDuration(forMs)}`
  }
}

/** A sentence when rules stand still: nobody would be told of anything. */
function notEvaluated(rules: Rules, clock: Clock): string | undefined {
  const late = rules.groups().find(({ lastAtMs, intervalMs }) => {
    return lastAtMs !== undefined && clock.now() - lastAtMs > STANDSTILL_MS + 2 * intervalMs
  })
  return late === undefined ? undefined : `the rules of group ${late.group.name} are not evaluated`
}

/** A state file that cannot be written never stops the watching; it is said in the log. */
function expectedIn({ expectedServers }: State, clock: Clock, notices: Notices): ExpectedServers {
  const safely = (work: () => unknown): void => {
    try {
      work()
    } catch (error) {
      notices.tell('error', `the expected topology cannot be kept: ${reasonOf(error)}`)
    }
  }
  return {
    list: (deployment) =>
      expectedServers
        .list(deployment)
        .filter((server) => server.accepted)
        .map(({ id, role }) => ({ id, role: role as Role })),
    put(deployment, id, role) {
      const nowMs = clock.now()
      safely(() => expectedServers.put({ deployment, id, role, firstSeenMs: nowMs, lastSeenMs: nowMs, accepted: true }))
    },
    remove: (deployment, id) => safely(() => expectedServers.remove(deployment, id)),
  }
}
