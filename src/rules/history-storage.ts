// The history as PromQL sees it, and as rules write into it: what a rule recorded is a series like any other, in memory
// for as long as samples are.

import type { History, Labels as HistoryLabels } from '../metrics/history.ts'
import { family, labelText, seriesOf, Snapshot } from '../metrics/series.ts'
import { matchesAll, type Matcher } from '../promql/matcher.ts'
import { nameOf, type Selection, type Storage, type StoredSeries } from '../promql/storage.ts'
import type { RuleOutput } from './group.ts'

type LabelRecord = Readonly<Record<string, string>>

export function historyStorage(history: History): Storage {
  const named = new WeakMap<HistoryLabels, LabelRecord>()
  // The same object for the same series each time: PromQL sorts labels once for each object.
  const withName = (labels: HistoryLabels, name: string): LabelRecord => {
    let record = named.get(labels)
    if (record?.['__name__'] !== name) named.set(labels, (record = { ...labels, __name__: name }))
    return record
  }
  return {
    select(matchers: readonly Matcher[], { fromMs, toMs, onlyLast }: Selection): StoredSeries[] {
      const ofName = matchers.filter(({ label }) => label === '__name__')
      const others = matchers.filter(({ label }) => label !== '__name__')
      const only = nameOf(matchers)
      const names = (only === undefined ? history.names().toSorted() : [only]).filter((name) =>
        ofName.every((matcher) => matcher.matches(name)),
      )
      const select = onlyLast ? history.selectLast : history.select
      const matches = (labels: HistoryLabels): boolean => matchesAll(others, labels)
      return names.flatMap((name) =>
        select(name, matches, fromMs, toMs).map(({ labels, timestamps, values, stale }) => ({
          labels: withName(labels, name),
          timestamps,
          values,
          stale,
        })),
      )
    },
  }
}

// The family of all that rules write. Its name is empty, so that the name of each series is all its own: a recorded name
// can never be at odds with one that a collector declares.
const RECORDED = ''

/** One source of the history for each rule: a series that it writes no more ends with the next write. */
export function historyOutput(history: History, key: string): RuleOutput {
  const recorded = family(RECORDED, 'gauge', 'written by a rule')
  const source = history.open(`rule ${key}`, {})
  let isEmpty = true // nothing to end
  return {
    write(samples, atMs) {
      if (isEmpty && samples.length === 0) return
      isEmpty = samples.length === 0
      const snapshot = new Snapshot(atMs)
      for (const { labels, value } of samples) {
        const { __name__: name = '', ...own } = labels
        snapshot.add(seriesOf(recorded, labelText(sorted(own)), name), value)
      }
      source.append(snapshot)
    },
    close: () => source.close(),
  }
}

function sorted(labels: LabelRecord): LabelRecord {
  return Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
