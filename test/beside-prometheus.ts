// Debian's Prometheus and our own API over the same samples and the same rules, so that their answers can be laid beside
// each other. Prometheus gets the samples as blocks made by promtool, we get them in memory; both evaluate them on their own.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, spawnChild } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { until } from '../lab/until.ts'
import { startApi } from '../src/api/start-api.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { PageMemory } from '../src/metrics/exposition.ts'
import { parseRuleFile } from '../src/rules/rule-file.ts'
import { startRules } from '../src/rules/start-rules.ts'
import { LoadedStorage } from './loaded-storage.ts'

export interface WrittenSeries {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  valueAt(index: number): number
}

export interface Beside {
  readonly ours: string // base URLs
  readonly theirs: string
  readonly sampledMs: number // one of the moments in the middle of the samples
  stop(): Promise<void>
}

interface Started {
  readonly url: string
  stop(): Promise<void>
}

const STEP_MS = 15_000
const PAST = 120 // samples: half an hour

/** `rulesAt` is the text of the rules for a moment, at which both are there and begin with them. */
export async function startBoth(series: readonly WrittenSeries[], rulesAt: (nowMs: number) => string): Promise<Beside> {
  const startMs = Math.floor(Date.now() / STEP_MS) * STEP_MS - PAST * STEP_MS
  const timesMs = Array.from({ length: PAST }, (_none, at) => startMs + at * STEP_MS)
  const theirs = await startPrometheus(openMetrics(series, timesMs))
  const rules = rulesAt(Date.now())
  theirs.take(rules)
  const ours = await startOurs(series, timesMs, rules)
  return {
    ours: ours.url,
    theirs: theirs.url,
    sampledMs: startMs + 100 * STEP_MS,
    stop: async () => void (await Promise.all([ours.stop(), theirs.stop()])),
  }
}

function openMetrics(series: readonly WrittenSeries[], timesMs: readonly number[]): string {
  const byName = Map.groupBy(series, ({ name }) => name)
  const lines = [...byName].flatMap(([name, all]) => [
    `# TYPE ${name} unknown`,
    ...all.flatMap(({ labels, valueAt }) => {
      const text = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
      return timesMs.map((ms, at) => `${name}{${text.join(',')}} ${written(valueAt(at))} ${ms / 1_000}`)
    }),
  ])
  return `${lines.join('\n')}\n# EOF\n`
}

const written = (value: number): string =>
  Math.abs(value) === Infinity ? (value > 0 ? '+Inf' : '-Inf') : String(value)

async function startPrometheus(samples: string): Promise<Started & { take(rules: string): void }> {
  const dir = makeFolder('prometheus')
  writeFileSync(join(dir, 'samples.txt'), samples)
  writeFileSync(join(dir, 'rules.yml'), 'groups: []\n')
  writeFileSync(join(dir, 'prometheus.yml'), 'global: { evaluation_interval: 5s }\nrule_files: [rules.yml]\n')
  const blocks = ['tsdb', 'create-blocks-from', 'openmetrics', join(dir, 'samples.txt'), join(dir, 'data')]
  execFileSync('promtool', blocks, { stdio: 'ignore' })
  const port = await freePort()
  const prometheus = await spawnChild(
    'prometheus',
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      '--storage.tsdb.retention.time=1d',
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { name: 'prometheus', dir },
  )
  const url = `http://127.0.0.1:${port}`
  const isReady = async (): Promise<boolean> => (await fetch(`${url}/-/ready`)).ok
  await until('Prometheus is ready', isReady, { timeoutMs: 60_000, everyMs: 100 })
  return {
    url,
    take(rules) {
      writeFileSync(join(dir, 'rules.yml'), rules)
      prometheus.kill('SIGHUP')
    },
    async stop() {
      prometheus.kill('SIGKILL')
      await prometheus.exited
    },
  }
}

async function startOurs(series: readonly WrittenSeries[], timesMs: readonly number[], text: string): Promise<Started> {
  const storage = new LoadedStorage()
  for (const { name, labels, valueAt } of series)
    for (const [at, ms] of timesMs.entries()) storage.add({ __name__: name, ...labels }, ms, valueAt(at))
  const { groups, mistakes } = parseRuleFile(text, 'rules.yml')
  if (mistakes.length > 0) throw new Error(JSON.stringify(mistakes))
  const rules = startRules({
    groups,
    storage,
    openOutput: () => ({
      write: (samples, atMs) => samples.forEach(({ labels, value }) => storage.add(labels, atMs, value)),
      close: () => undefined,
    }),
    clock: systemClock,
    everyMs: 5_000,
    onAlerts: () => undefined,
    onError: () => undefined,
  })
  const api = await startApi({
    listen: { host: '127.0.0.1', port: 0 },
    parts: {
      fleet: { deployments: () => [], accept: () => false, forget: () => false },
      log: silentLog,
      metricsPage: () => new PageMemory().lend([]),
      slowCommands: () => [],
      notReady: () => [],
      rules,
      samples: storage,
    },
  })
  return {
    url: api.url,
    async stop() {
      rules.stop()
      await api.close()
    },
  }
}
