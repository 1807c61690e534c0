// Samples that a unit test of rules writes down, and those that its rules add to them: a storage whose present moment the
// test moves. What lies after that moment does not exist yet, also not for `offset -5m`.

import { parseSeries } from '../promql/series-notation.ts'
import { matchesAll, type Matcher } from '../promql/matcher.ts'
import { nameOf, type Selection, type Storage, type StoredSeries } from '../promql/storage.ts'
import type { RuleOutput } from './group.ts'
import { labelsKey, type RuleSample } from './rule-alert.ts'
import type { LabelRecord } from './rule-file.ts'

interface Written {
  readonly labels: LabelRecord
  readonly timestamps: number[]
  readonly values: number[]
  readonly stale: number[]
}

export class WrittenSamples implements Storage {
  nowMs: number
  private readonly series = new Map<string, Written>()
  private readonly byName = new Map<string, Written[]>()

  constructor(startMs: number) {
    this.nowMs = startMs
  }

  /** `up{job="redis"}` and `0+1x5 _ stale`: the first value at the start, then one every `stepMs`. Throws a Fault. */
  load(series: string, values: string, stepMs: number): void {
    const startMs = this.nowMs
    const parsed = parseSeries(`${series} ${values}`)
    const written = this.at(parsed.labels)
    for (const [index, value] of parsed.values.entries()) add(written, startMs + index * stepMs, value)
  }

  select(matchers: readonly Matcher[], { fromMs, toMs }: Selection): StoredSeries[] {
    const name = nameOf(matchers)
    const candidates = name === undefined ? [...this.series.values()] : (this.byName.get(name) ?? [])
    const endMs = Math.min(toMs, this.nowMs)
    return candidates
      .filter(({ labels }) => matchesAll(matchers, labels))
      .map(({ labels, timestamps, values, stale }) => {
        const first = firstAfter(timestamps, fromMs - 1)
        const end = firstAfter(timestamps, endMs)
        const ended = stale.filter((ms) => ms >= fromMs && ms <= endMs)
        return { labels, timestamps: timestamps.slice(first, end), values: values.slice(first, end), stale: ended }
      })
      .filter(({ timestamps }) => timestamps.length > 0)
  }

  output(): RuleOutput {
    let before = new Map<string, LabelRecord>()
    return {
      write: (samples: readonly RuleSample[], atMs) => {
        const now = new Map(samples.map(({ labels }) => [labelsKey(labels), labels]))
        for (const { labels, value } of samples) add(this.at(labels), atMs, value)
        for (const [key, labels] of before) if (!now.has(key)) add(this.at(labels), atMs, 'stale')
        before = now
      },
      close: () => undefined,
    }
  }

  private at(labels: LabelRecord): Written {
    const key = labelsKey(labels)
    let written = this.series.get(key)
    if (written === undefined) {
      written = { labels, timestamps: [], values: [], stale: [] }
      this.series.set(key, written)
      const name = labels['__name__'] ?? ''
      this.byName.set(name, [...(this.byName.get(name) ?? []), written])
    }
    return written
  }
}

/** A sample that is not after the last one of its series is left out, as Prometheus does. */
function add({ timestamps, values, stale }: Written, atMs: number, value: number | 'stale' | undefined): void {
  if (value === undefined || atMs <= Math.max(timestamps.at(-1) ?? -Infinity, stale.at(-1) ?? -Infinity)) return
  if (value === 'stale') return void stale.push(atMs)
  timestamps.push(atMs)
  values.push(value)
}

function firstAfter(times: readonly number[], ms: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) <= ms) low = middle + 1
    else high = middle
  }
  return low
}
