// What is missing between the first and the last thing that a timeline has: as the archiver wrote it down, and as the names
// of the segments show it. What retention has removed is no hole.

import type { Timeline } from './catalog.ts'

export interface Hole {
  readonly from: number // offsets
  readonly to: number
  readonly fromTime: string | null // ISO 8601; null where nobody knows
  readonly toTime: string | null
  readonly why: string
  readonly recorded: boolean // false: no gap of the archiver explains it
  readonly lost: boolean // no base closes it and nothing explains it: segments are gone from the store
}

interface Span {
  readonly from: number
  readonly to: number
}

/** All of them, by offset. */
export function holesOf(timeline: Timeline): Hole[] {
  const recorded = timeline.gaps
    .filter(({ to }) => to > timeline.prunedTo)
    .map(({ from, to, fromTime, toTime, why }) => ({ from, to, fromTime, toTime, why, recorded: true, lost: false }))
  return [...recorded, ...unrecorded(timeline)].toSorted((a, b) => a.from - b.from)
}

/**
 * A base alone is a place where the stream has to pass, too, as soon as there is any: a timeline of bases without a stream
 * has no holes.
 */
function unrecorded({ bases, stretches, gaps, prunedTo }: Timeline): Hole[] {
  if (stretches.length === 0) return []
  const places = bases.flatMap(({ offset }) => (offset === null ? [] : [{ from: offset, to: offset }]))
  const present = union([...stretches, ...places, { from: 0, to: prunedTo }])
  const between = present.slice(1).map((next, at) => ({ from: present[at]?.to ?? 0, to: next.from }))
  const first = Math.min(...places.map(({ from }) => from), ...stretches.map(({ from }) => from))
  return between
    .flatMap((span) => without(span, union(gaps)))
    .filter(({ to }) => to > first)
    .map(({ from, to }) => {
      const before = stretches.findLast((stretch) => stretch.to <= from)
      const after = stretches.find((stretch) => stretch.from >= to)
      const isClosed = places.some((place) => place.from === to)
      return {
        from: Math.max(from, first),
        to,
        fromTime: before === undefined ? null : new Date(before.toTime).toISOString(),
        toTime: after === undefined ? null : new Date(after.fromTime).toISOString(),
        why: isClosed
          ? 'nobody followed the stream then, or its segments were lost; a base goes on behind it'
          : 'segments that were in the store are not any more',
        recorded: false,
        lost: !isClosed,
      }
    })
    .filter(({ from, to }) => to > from)
}

/** Spans that touch become one; by offset. */
function union(spans: readonly Span[]): Span[] {
  const joined: Span[] = []
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = joined.at(-1)
    if (last === undefined || from > last.to) joined.push({ from, to })
    else if (to > last.to) joined[joined.length - 1] = { from: last.from, to }
  }
  return joined
}

/** What of a span is in none of these, which are sorted and apart. */
function without(span: Span, others: readonly Span[]): Span[] {
  const rest: Span[] = []
  let at = span.from
  for (const { from, to } of others) {
    if (to <= at || from >= span.to) continue
    if (from > at) rest.push({ from: at, to: from })
    at = Math.max(at, to)
  }
  if (at < span.to) rest.push({ from: at, to: span.to })
  return rest
}
