// The rules of a file over a history of samples that end now, evaluated at their interval until the end of the input:
// the work of the rules and nothing around it. Says how many evaluations there were for each line that it is sent.
//   node bench/processes/rules-on-history.ts METRICS SAMPLES RULES.yml

import { createInterface } from 'node:readline'
import { systemClock, type Clock } from '../../src/lib/clock.ts'
import { makeHistory } from '../../src/metrics/history.ts'
import { gauge, seriesOf, Snapshot } from '../../src/metrics/series.ts'
import { historyOutput, historyStorage } from '../../src/rules/history-storage.ts'
import { readRuleFile } from '../../src/rules/rule-file.ts'
import { startRules } from '../../src/rules/start-rules.ts'
import { labelsOfServer, metricName, SERVERS, STEP_MS, valueAt } from '../measure/rule-load.ts'

const [metrics = 0, samples = 0] = process.argv.slice(2, 4).map(Number)
const file = process.argv[4] ?? ''

let behindMs = samples * STEP_MS // while the past is filled in
const clock: Clock = {
  now: () => systemClock.now() - behindMs,
  monotonic: () => systemClock.monotonic() - behindMs,
  after: (delayMs, run) => systemClock.after(delayMs, run),
}

const history = makeHistory({ keepMs: 3_600_000, clock })
const series = Array.from({ length: metrics }, (_none, metric) => seriesOf(gauge(metricName(metric), 'For a bench.')))
const sources = Array.from({ length: SERVERS }, (_none, server) => history.open(`s${server}`, labelsOfServer(server)))
for (let at = 0; at < samples; at += 1) {
  for (const [server, source] of sources.entries()) {
    const snapshot = new Snapshot(clock.now())
    for (const [metric, one] of series.entries()) snapshot.add(one, valueAt(metric, server, at))
    source.append(snapshot)
  }
  behindMs -= STEP_MS
}

const { groups, mistakes } = readRuleFile(file)
if (mistakes.length > 0) throw new Error(`${mistakes.length} mistakes in ${file}`)
let evaluations = 0
startRules({
  groups,
  storage: historyStorage(history),
  openOutput: (key) => historyOutput(history, key),
  clock,
  onAlerts: () => (evaluations += groups[0]?.rules.length ?? 0),
  onError: (says) => process.stderr.write(`${says}\n`),
})

console.log(JSON.stringify({ evaluations }))
createInterface({ input: process.stdin })
  .on('line', () => console.log(JSON.stringify({ evaluations })))
  .on('close', () => process.exit())
