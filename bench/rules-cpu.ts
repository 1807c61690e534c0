// What a thousand alert rules over 200 servers cost, beside Debian's Prometheus on the same samples: its processor time
// with the rules minus that without, for as many evaluations. Ours is all that the process does meanwhile.

import { spawnSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { until } from '../lab/until.ts'
import type { Bench } from './measure/bench.ts'
import { fetchText } from './measure/fetch-text.ts'
import { alternate, median, type Pair } from './measure/numbers.ts'
import { startOwnProcess, startProgram } from './measure/own-process.ts'
import { cpuSeconds } from './measure/process-cost.ts'
import { openMetricsText, ruleFileText, RULES, SERVERS, STEP_MS, type RuleLoad } from './measure/rule-load.ts'

const BAR = 2
const PAST = 70 // samples before the start: a little more than the longest window
const SETTLE_MS = 12_000 // two evaluations
const WINDOW_MS = 20_000 // four
const LONGEST_MS = 15 * 60_000 // for which Prometheus is given samples

interface Place {
  readonly folder: string
  readonly load: RuleLoad
}

function makeBlocks({ folder, load }: Place): void {
  const file = join(folder, 'samples.txt')
  const out = openSync(file, 'w')
  for (let metric = 0; metric < load.metrics; metric += 1) writeSync(out, openMetricsText(metric, load))
  writeSync(out, '# EOF\n')
  closeSync(out)
  const args = ['tsdb', 'create-blocks-from', 'openmetrics', file, join(folder, 'data')]
  const { status, stderr } = spawnSync('promtool', args, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status !== 0) throw new Error(`promtool: ${stderr}`)
  rmSync(file)
}

/** Milliseconds of processor time for a thousand evaluations. */
async function ourCost({ folder, load }: Place): Promise<number> {
  const args = [String(load.metrics), String(PAST), join(folder, 'rules.yml')]
  const ours = startOwnProcess<{ evaluations: number }>('bench/processes/rules-on-history.ts', args)
  const evaluations = async (): Promise<number> => {
    ours.write('')
    return (await ours.read()).evaluations
  }
  try {
    await ours.read()
    await sleep(SETTLE_MS)
    const [cpu, count] = [cpuSeconds(ours.pid), await evaluations()]
    await sleep(WINDOW_MS)
    return perThousand(cpuSeconds(ours.pid) - cpu, (await evaluations()) - count)
  } finally {
    await ours.stop()
  }
}

async function theirCost(place: Place): Promise<number> {
  const [idle] = await runPrometheus(place, 'without.yml')
  const [busy, count] = await runPrometheus(place, 'with.yml')
  return perThousand(busy - idle, count)
}

/** Seconds of processor time and evaluations within the window. */
async function runPrometheus({ folder }: Place, config: string): Promise<[number, number]> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/metrics`
  const prometheus = startProgram('prometheus', [
    `--config.file=${join(folder, config)}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    '--storage.tsdb.retention.time=1d',
    `--web.listen-address=127.0.0.1:${port}`,
  ])
  const evaluations = async (): Promise<number> =>
    Number(/^prometheus_rule_evaluations_total\{.*\} (\S+)$/m.exec(await fetchText(url))?.[1] ?? 0)
  try {
    await until('Prometheus answers', () => fetchText(url), { timeoutMs: 30_000 })
    await sleep(SETTLE_MS)
    const [cpu, count] = [cpuSeconds(prometheus.pid), await evaluations()]
    await sleep(WINDOW_MS)
    return [cpuSeconds(prometheus.pid) - cpu, (await evaluations()) - count]
  } finally {
    await prometheus.stop()
  }
}

function perThousand(seconds: number, evaluations: number): number {
  if (evaluations === 0) throw new Error('no rule was evaluated')
  return (seconds * 1e6) / evaluations
}

interface Size {
  readonly metrics: number // of each server
  readonly pairs: number
}

const USUAL: readonly Size[] = [{ metrics: 50, pairs: 3 }]
// 100,000 series are two gigabytes of text for promtool, and a quarter of an hour.
const FULL: readonly Size[] = [
  { metrics: 50, pairs: 5 },
  { metrics: 500, pairs: 3 },
]

interface Measured {
  readonly load: RuleLoad
  readonly pairs: readonly Pair[]
}

async function measureSize({ metrics, pairs: count }: Size, say: (text: string) => void): Promise<Measured> {
  const load = { metrics, startMs: Date.now() - PAST * STEP_MS, samples: PAST + LONGEST_MS / STEP_MS }
  const place = { folder: makeFolder('rules'), load }
  const rules = join(place.folder, 'rules.yml')
  writeFileSync(rules, ruleFileText(load))
  writeFileSync(join(place.folder, 'with.yml'), `global: { evaluation_interval: 5s }\nrule_files: [${rules}]\n`)
  writeFileSync(join(place.folder, 'without.yml'), 'global: { evaluation_interval: 5s }\n')
  say(`${SERVERS * metrics} series, ${RULES} rules; samples are made for Prometheus`)
  makeBlocks(place)
  const measure = { ours: () => ourCost(place), theirs: () => theirCost(place) }
  const pairs = await alternate(count, measure, (pair, isWarmUp) =>
    say(`${isWarmUp ? 'warm-up' : 'pair'}: ${pair.ours.toFixed(0)} ms and ${pair.theirs.toFixed(0)} ms`),
  )
  return { load, pairs }
}

const ratioOf = ({ pairs }: Measured): number => median(pairs.map((pair) => pair.ours / pair.theirs))
const seriesOf = ({ load }: Measured): string => `${SERVERS * load.metrics} series`

function rowsOf(measured: Measured): string[][] {
  const row = (name: string, of: 'ours' | 'theirs'): string[] => {
    const all = measured.pairs.map((pair) => pair[of])
    return [name, seriesOf(measured), median(all).toFixed(0), all.map((ms) => ms.toFixed(0)).join(' ')]
  }
  return [row('respite', 'ours'), row('prometheus', 'theirs')]
}

export default {
  asks: 'CPU of 1,000 alert rules over 200 servers, against Prometheus with the rules minus without',
  bar: 'at most twice',

  async run({ full, say }) {
    const sizes: Measured[] = []
    for (const size of full ? FULL : USUAL) sizes.push(await measureSize(size, say))
    const says = sizes.map(
      (one) => `${ratioOf(one).toFixed(3)} (median of ${one.pairs.length} pairs, ${seriesOf(one)})`,
    )
    return {
      table: [['', 'over', 'CPU ms for 1,000 rules', 'each'], ...sizes.flatMap(rowsOf)],
      reached: sizes.every((one) => ratioOf(one) <= BAR),
      says: `ratio ${says.join(', ')}`,
      raw: { servers: SERVERS, rules: RULES, windowMs: WINDOW_MS, sizes },
    }
  },
} satisfies Bench
