// The series that a selector finds, for all moments of an evaluation at once, and from them what it gives at one moment:
// the newest sample that is not older than the lookback and whose series has not ended since.

import { internedLabels, type Labels } from './labels.ts'
import type { Storage } from './storage.ts'
import type { VectorSelector } from './syntax.ts'
import { positionAfter } from './window.ts'

export interface Series {
  readonly labels: Labels
  readonly timestamps: ArrayLike<number>
  readonly values: ArrayLike<number>
  readonly stale: ArrayLike<number>
}

export interface Span {
  readonly startMs: number // not included
  readonly endMs: number // included
}

export function loadSeries(storage: Storage, { matchers }: VectorSelector, span: Span, onlyLast: boolean): Series[] {
  // Times are whole milliseconds, so the next one after an open end is one later.
  const selection = { fromMs: span.startMs + 1, toMs: span.endMs, onlyLast }
  return storage.select(matchers, selection).map(({ labels, timestamps, values, stale }) => ({
    labels: internedLabels(labels),
    timestamps,
    values,
    stale,
  }))
}

/** The position of the sample that holds at a moment, or -1. */
export function positionAt({ timestamps, stale }: Series, atMs: number, lookbackMs: number): number {
  const at = positionAfter(timestamps, atMs) - 1
  if (at === -1) return -1
  const time = timestamps[at] as number
  if (time <= atMs - lookbackMs) return -1
  const ended = stale.length === 0 ? 0 : positionAfter(stale, atMs)
  return ended > 0 && (stale[ended - 1] as number) >= time ? -1 : at
}
