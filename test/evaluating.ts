// Rules on real servers in the test's own process: sampled and evaluated every second, and waiting for alerts to fire and
// to end. Ends with its test.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startReplica, startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { BackupSettings } from '../src/archive-fleet.ts'
import type { DeploymentOptions } from '../src/fleet/watch-deployment.ts'
import { watchFleet } from '../src/fleet/watch-fleet.ts'
import { systemClock, type Clock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { makeNotices } from '../src/lib/notices.ts'
import type { ArchivedShard } from '../src/metrics/archive-series.ts'
import { Metrics, type MeasuredDeployment } from '../src/metrics/watch-metrics.ts'
import { historyOutput, historyStorage } from '../src/rules/history-storage.ts'
import type { RuleAlert } from '../src/rules/rule-alert.ts'
import { parseRuleFile } from '../src/rules/rule-file.ts'
import { startRules } from '../src/rules/start-rules.ts'
import { startArchives } from '../src/start-archives.ts'
import { deploymentOf, rememberedTopology } from './watching.ts'

export interface EvaluateOptions extends Partial<Pick<MeasuredDeployment, 'dataClass' | 'rpoMs' | 'canary'>> {
  readonly url: string
  readonly rules: string // the text of a rule file
  readonly expect?: DeploymentOptions['expect']
  readonly clock?: Clock
  /** Archives the deployment, too, with these settings. */
  readonly backup?: BackupSettings | undefined
  readonly verifyEveryMs?: number
}

export interface Evaluated {
  /** Pending and firing: `RedisDown{answer="refused",…} firing`, without Watchdog. */
  lines(): string[]
  /** Waits for a firing alert of that name with at least these labels. */
  untilFires(name: string, labels?: Readonly<Record<string, string>>): Promise<RuleAlert>
  /** Waits until no alert of that name with at least these labels, nor a pending one, is left. */
  untilEnds(name: string, labels?: Readonly<Record<string, string>>): Promise<void>
  /** Waits until there is no alert at all, nor a pending one. */
  untilQuiet(): Promise<void>
  untilSampled(): Promise<void>
}

const PATIENTLY = { timeoutMs: 90_000, everyMs: 100 }

/** The text of a shipped rule file. */
export function shippedRules(file: 'redis.yml' | 'documents.yml'): string {
  return readFileSync(join(import.meta.dirname, '..', 'rules', file), 'utf8')
}

/** The same rules for an impatient fleet: all windows ten seconds, and hardly any waiting. */
export function hurried(text: string): string {
  return text
    .replaceAll(/^( +for:) \w+$/gm, '$1 1s')
    .replaceAll(/\[\d+[ms]\]/g, '[10s]')
    .replaceAll(/offset (1m|15m|1h)/g, 'offset 10s')
}

/** A real server that may be asked for DEBUG, with these lines of configuration. */
export async function server(t: TestContext, ...conf: string[]): Promise<Server> {
  const started = await startServer({ conf, debug: true })
  t.after(() => started.stop())
  return started
}

export async function replicaOf(t: TestContext, primary: Server, options: StartOptions = {}): Promise<Server> {
  const replica = await startReplica(primary, { debug: true, ...options })
  t.after(() => replica.stop())
  return replica
}

/** Does something again and again until it is stopped, which waits for the end of the last time. */
export function keepDoing(t: TestContext, work: () => Promise<unknown>): () => Promise<void> {
  const end = new AbortController()
  const running = (async () => {
    while (!end.signal.aborted) await work()
  })()
  const stop = async (): Promise<void> => {
    end.abort()
    await running
  }
  t.after(stop)
  return stop
}

export function evaluate(t: TestContext, options: EvaluateOptions): Evaluated {
  const { url, rules: text, expect = {}, clock = systemClock, dataClass, rpoMs, canary = false } = options
  const deployment = deploymentOf(url, { expect })
  const { groups, mistakes } = parseRuleFile(text, 'rules')
  assert.deepEqual(mistakes, [])
  const fleet = watchFleet({ deployments: [deployment], expected: rememberedTopology(), clock, log: silentLog })
  const measured = { name: deployment.name, every: { sampleMs: 1_000 }, canary, dataClass, rpoMs, settings: {} }
  const setting = { historyMs: 3_600_000, version: 'test', clock, log: silentLog }
  const dataDir = mkdtempSync(join(tmpdir(), 'respite-evaluated-'))
  const { backup, verifyEveryMs } = options
  const kept = { fleet, dataDir, clock, log: silentLog, notices: makeNotices(clock, silentLog), verifyEveryMs }
  const archives = startArchives([{ name: deployment.name, backup }], kept)
  const archived = (name: string): readonly ArchivedShard[] => archives.shards(name)
  const metrics = new Metrics({ fleet, deployments: [measured], archived, ...setting })
  const errors: string[] = []
  const rules = startRules({
    groups,
    storage: historyStorage(metrics.history),
    openOutput: (key) => historyOutput(metrics.history, key),
    clock,
    everyMs: 1_000,
    onAlerts: () => undefined,
    onError: (says) => void errors.push(says),
  })
  fleet.onChange(() => rules.reevaluateNow())
  t.after(async () => {
    rules.stop()
    metrics.stop()
    await archives.stop(0)
    fleet.stop()
    rmSync(dataDir, { recursive: true, force: true })
    assert.deepEqual(errors, [])
  })
  const current = (name: string, labels: Readonly<Record<string, string>> = {}): RuleAlert[] =>
    rules
      .alerts()
      .filter((alert) => alert.name === name && alert.state !== 'resolved')
      .filter((alert) => Object.entries(labels).every(([key, value]) => alert.labels[key] === value))
  const lines = (): string[] =>
    rules
      .alerts()
      .filter(({ name, state }) => name !== 'Watchdog' && state !== 'resolved')
      .map(({ name, labels, state }) => `${name} ${JSON.stringify(labels)} ${state}`)
  const wait = <T>(what: string, ask: () => T | undefined | false): Promise<T> =>
    until(what, ask, PATIENTLY).catch((error: unknown) => {
      throw new Error(`${String(error)}\nthere are:\n${lines().join('\n')}`)
    })
  return {
    lines,
    untilFires: (name, labels) =>
      wait(`${name} fires`, () => current(name, labels).find(({ state }) => state === 'firing')),
    untilEnds: async (name, labels) => void (await wait(`${name} ends`, () => current(name, labels).length === 0)),
    untilQuiet: async () => void (await wait('all is quiet', () => lines().length === 0)),
    untilSampled: async () => {
      await wait('all servers were sampled', () => {
        const servers = fleet.servers()
        const sampled = servers.filter(({ view }) => metrics.latest(view.deployment, view.id) !== undefined)
        return servers.length > 0 && sampled.length === servers.length
      })
    },
  }
}
