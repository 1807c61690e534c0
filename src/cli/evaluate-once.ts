// The rules asked once, for `doctor`: two samples a second apart (or more of them, for as long as somebody wants to wait),
// and each alert's `for` counts as nothing. A rule that
// looks further back than that is not answered at all: with two samples, rate(x[5m]) would say half a percent of the
// truth, and "no alert" would read as "all is well".

import { WATCHDOG } from '../alerts/alert.ts'
import type { Fleet, WatchedServer } from '../fleet/server.ts'
import { systemClock } from '../lib/clock.ts'
import { makeHistory, type History } from '../metrics/history.ts'
import { answerSnapshot, deploymentSnapshot } from '../metrics/server-series.ts'
import { startCollectors, takeSample, type StartedCollectors } from '../metrics/take-sample.ts'
import type { SampleSettings } from '../metrics/collector.ts'
import { reachMs } from '../rules/expression.ts'
import { Group } from '../rules/group.ts'
import { historyOutput, historyStorage } from '../rules/history-storage.ts'
import type { RuleAlert } from '../rules/rule-alert.ts'
import type { Rule, RuleGroup } from '../rules/rule-file.ts'

export interface Evaluated {
  readonly alerts: readonly RuleAlert[] // all that would be pending or firing
  readonly unanswered: readonly Rule[] // they look further back than this
}

const APART_MS = 1_100
const KEEP_MS = 60_000
const EVERY_MS = 2_000 // while it is waited

export async function evaluateOnce(
  fleet: Fleet,
  settings: SampleSettings,
  groups: readonly RuleGroup[],
  forMs = 0,
): Promise<Evaluated> {
  const history = makeHistory({ keepMs: Math.max(KEEP_MS, 2 * forMs), clock: systemClock })
  const servers = await Promise.all(
    fleet.servers().map(async (server) => ({ server, started: await startCollectors() })),
  )
  const firstMs = systemClock.now()
  await sampleAll(fleet, servers, settings, history)
  if (servers.some(({ server }) => server.ask !== undefined)) {
    do {
      await new Promise((resolve) => setTimeout(resolve, forMs > EVERY_MS ? EVERY_MS : APART_MS))
      await sampleAll(fleet, servers, settings, history)
    } while (systemClock.now() - firstMs < forMs)
  }
  const heldMs = systemClock.now() - firstMs
  const isAnswered = ({ query }: Rule): boolean => reachMs(query.expr) <= heldMs
  const alerts = await evaluate(
    history,
    groups.map((group) => atOnce(group, isAnswered)),
  )
  return {
    alerts,
    unanswered: groups.flatMap(({ rules }) => rules.filter((rule) => rule.kind === 'alert' && !isAnswered(rule))),
  }
}

interface Sampled {
  readonly server: WatchedServer
  readonly started: StartedCollectors
}

async function sampleAll(
  fleet: Fleet,
  servers: readonly Sampled[],
  settings: SampleSettings,
  history: History,
): Promise<void> {
  for (const view of fleet.deployments())
    history.open(view.name, { deployment: view.name }).append(deploymentSnapshot(view, systemClock.now()))
  await Promise.all(
    servers.map(async ({ server, started }) => {
      const { view, ask } = server
      const labels = { deployment: view.deployment, instance: view.id }
      history.open(`${view.id} answers`, labels).append(answerSnapshot(view, systemClock.now()))
      if (ask === undefined) return
      const kind = view.role === 'sentinel' ? 'sentinel' : 'server'
      // That a server cannot be asked is said by its answer already.
      const sample = await takeSample({ ask, kind }, started, settings, systemClock.now()).catch(() => undefined)
      if (sample !== undefined) history.open(`${view.id} samples`, labels).append(sample.snapshot)
    }),
  )
}

function atOnce(group: RuleGroup, isAnswered: (rule: Rule) => boolean): RuleGroup {
  return { ...group, rules: group.rules.filter(isAnswered).map((rule) => ({ ...rule, forMs: 0 })) }
}

async function evaluate(history: History, groups: readonly RuleGroup[]): Promise<RuleAlert[]> {
  const setting = { query: { storage: historyStorage(history) }, externalLabels: {}, externalUrl: () => '' }
  const found: RuleAlert[] = []
  for (const source of groups) {
    const group = new Group(source, setting, systemClock, (key) => historyOutput(history, key))
    await group.evaluate(systemClock.now())
    found.push(...group.alerts().filter(({ name, state }) => state !== 'resolved' && name !== WATCHDOG))
  }
  return found
}
