// Samples that a test writes down, as a storage for PromQL. Series of native histograms are known by name only, so that a
// test can tell that it came across one.

import { matchesAll } from '../src/promql/matcher.ts'
import type { Matcher } from '../src/promql/matcher.ts'
import { parseMetric } from '../src/promql/parse.ts'
import { parseSeries } from '../src/promql/series-notation.ts'
import type { Selection, Storage, StoredSeries } from '../src/promql/storage.ts'

interface Stored {
  readonly labels: Readonly<Record<string, string>>
  readonly points: Map<number, number | 'stale'>
  isNative: boolean
}

export class LoadedStorage implements Storage {
  metNative = false // a selection since the last look found a native histogram
  private readonly series = new Map<string, Stored>()

  clear(): void {
    this.series.clear()
  }

  /** `series` in the notation of rule tests, the first value at 0, then one every `stepMs`. */
  load(series: readonly string[], stepMs: number, addsNative = false): void {
    for (const text of series) {
      if (text.includes('{{') || text.includes('@st')) {
        this.at(parseMetric(text).labels).isNative = true
        continue
      }
      const { labels, values } = parseSeries(text)
      const stored = this.at(labels)
      for (const [index, value] of values.entries()) if (value !== undefined) stored.points.set(index * stepMs, value)
      if (addsNative) this.at(nativeLabels(labels)).isNative = true
    }
  }

  /** One sample. */
  add(labels: Readonly<Record<string, string>>, atMs: number, value: number | 'stale'): void {
    this.at(labels).points.set(atMs, value)
  }

  select(matchers: readonly Matcher[], { fromMs, toMs }: Selection): StoredSeries[] {
    const found: StoredSeries[] = []
    for (const { labels, points, isNative } of this.series.values()) {
      if (!matchesAll(matchers, labels)) continue
      this.metNative ||= isNative
      const within = [...points].filter(([ms]) => ms >= fromMs && ms <= toMs).toSorted(([a], [b]) => a - b)
      const samples = within.filter((point): point is [number, number] => point[1] !== 'stale')
      const stale = within.filter(([, value]) => value === 'stale').map(([ms]) => ms)
      const timestamps = samples.map(([ms]) => ms)
      if (samples.length > 0) found.push({ labels, timestamps, values: samples.map(([, value]) => value), stale })
    }
    return found
  }

  private at(labels: Readonly<Record<string, string>>): Stored {
    const key = JSON.stringify(labels, Object.keys(labels).toSorted())
    let stored = this.series.get(key)
    if (stored === undefined) {
      stored = { labels, points: new Map(), isNative: false }
      this.series.set(key, stored)
    }
    return stored
  }
}

function nativeLabels({ le: _le, ...labels }: Readonly<Record<string, string>>): Record<string, string> {
  return { ...labels, __name__: (labels['__name__'] ?? '').replace(/_(?:bucket|count|sum)$/, '') }
}
