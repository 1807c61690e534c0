// The daemon in a process of its own, with two things more than `respite watch` has: it can be told to fill an hour of
// history, and to say how late its samples were. The history is filled by the way that samples go: two real snapshots of
// each server are replayed at their pace, series that differ between the two moving on by about as much each time, on a clock
// that runs an hour ahead meanwhile. Then the clock is set back, and history moves what it has to where it belongs.
//   node bench/processes/fleet-daemon.ts CONFIGURATION     then on standard input: fill | compare | collect | lateness FROM_MS TO_MS

import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeConfig } from '../../src/config.ts'
import { startDaemon } from '../../src/daemon.ts'
import { Snapshot } from '../../src/metrics/series.ts'

const EVERY_MS = 5_000
const HOUR_SAMPLES = 720
const LATER_SAMPLES = 66 // are taken until the daemon is measured: then it holds an hour
const KINDS = ['samples', 'answers'] // what the daemon keeps of each server, and what its sources are called after

const [file = '', data = ''] = process.argv.slice(2)
const flags = { listen: '127.0.0.1:0', data }
const daemon = await startDaemon({
  config: await makeConfig({ file, urls: [], flags }, process.env),
  logLevel: 'error',
})
const { history } = daemon.metrics
const say = (line: object): void => console.log(JSON.stringify(line))

interface Source {
  readonly id: string
  readonly labels: Record<string, string>
}

function sources(): Source[] {
  return daemon.fleet.servers().flatMap(({ view: { deployment, id } }) => {
    const labels = { deployment, instance: id }
    return KINDS.map((kind) => ({ id: `${deployment} ${id} ${kind}`, labels }))
  })
}

/** Two snapshots of each source, one after the other. */
async function realPairs(): Promise<Map<Source, [Snapshot, Snapshot]>> {
  const firsts = new Map<Source, Snapshot>()
  const pairs = new Map<Source, [Snapshot, Snapshot]>()
  const all = sources()
  while (pairs.size < all.length) {
    for (const source of all) {
      const latest = history.latest(source.id)
      if (latest === undefined || pairs.has(source)) continue
      const first = firsts.get(source)
      if (first === undefined) firsts.set(source, latest)
      else if (latest !== first) pairs.set(source, [first, latest])
    }
    await sleep(100)
  }
  return pairs
}

/** Compares two snapshots of each server; with `replaying`, also makes an hour out of them. */
async function compare(replaying: boolean): Promise<void> {
  let series = 0
  let changing = 0
  let replayed = 0
  for (const [source, [first, second]] of await realPairs()) {
    const before = new Map(first.series.map((one, at) => [one, first.values[at] ?? NaN]))
    const steps = second.series.map((one, at) => (second.values[at] ?? NaN) - (before.get(one) ?? NaN))
    const isSample = source.id.endsWith(KINDS[0] ?? '')
    if (isSample) series += second.series.length
    if (isSample) changing += steps.filter((step) => step !== 0 && !Number.isNaN(step)).length
    if (!replaying) continue
    replay(source, second, steps)
    replayed += 1
    if (replayed % 20 === 0) globalThis.gc?.() // an hour in a minute makes rubbish that an hour in an hour does not
    await sleep(1) // the watching goes on meanwhile
  }
  globalThis.gc?.()
  say({ event: 'compared', series, changing, history: history.stats() })
}

function replay({ id, labels }: Source, second: Snapshot, steps: readonly number[]): void {
  const source = history.open(id, labels)
  const values = [...second.values]
  const digits = values.map((value, at) => digitsOf(value, (steps[at] ?? 0) + value))
  const { now } = Date
  const beganMs = now()
  try {
    for (let sample = 1; sample <= HOUR_SAMPLES - LATER_SAMPLES; sample += 1) {
      const atMs = beganMs + sample * EVERY_MS
      Date.now = () => atMs
      const made = new Snapshot(atMs)
      for (const [at, one] of second.series.entries()) {
        values[at] = moved(values[at] ?? NaN, steps[at] ?? 0, digits[at] ?? 17)
        made.add(one, values[at] ?? NaN)
      }
      source.append(made)
    }
  } finally {
    Date.now = now
  }
}

function moved(value: number, step: number, digits: number): number {
  return step === 0 || Number.isNaN(step) ? value : round(value + step * (0.5 + Math.random()), digits)
}

/** How many decimals both values have: 0, 2, 3 or 6, or 17 for a full double. */
function digitsOf(...values: readonly number[]): number {
  return [0, 2, 3, 6].find((digits) => values.every((value) => round(value, digits) === value)) ?? 17
}

function round(value: number, digits: number): number {
  return digits === 17 ? value : Math.round(value * 10 ** digits) / 10 ** digits
}

/** Times between the samples of each server within a range, all of them. */
function lateness(fromMs: number, toMs: number): void {
  const all = history.select('redis_up', () => true, fromMs, toMs)
  const gaps = all.flatMap(({ timestamps: at }) => at.slice(1).map((time, index) => time - (at[index] ?? 0)))
  const lates = history.select('respite_sample_late_seconds', () => true, fromMs, toMs)
  const memory = process.memoryUsage()
  globalThis.gc?.()
  say({
    event: 'lateness',
    servers: all.length,
    samples: all.reduce((sum, { timestamps }) => sum + timestamps.length, 0),
    failed: all.reduce((sum, { values }) => sum + values.filter((value) => value !== 1).length, 0),
    gapsMs: gaps,
    latenessMs: lates.flatMap(({ values }) => values.map((seconds) => Math.round(seconds * 1_000))),
    history: history.stats(),
    memory,
    afterCollection: process.memoryUsage(),
  })
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [command, ...words] = line.split(' ')
    if (command === 'fill' || command === 'compare') void compare(command === 'fill')
    if (command === 'collect') globalThis.gc?.()
    if (command === 'lateness') lateness(Number(words[0]), Number(words[1]))
  })
  .on('close', () => process.exit())
say({ event: 'listening', url: daemon.url })
