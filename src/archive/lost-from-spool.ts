// What is missing of a stream because somebody took it away from the spool, where it waited for the store: while we ran,
// when it was its turn, or while we did not, which the names of what is left tell. It becomes a gap, one for what lies side
// by side. The store was given everything in order, so that a hole in front of something that was spooled is ours.

import type { Shard } from './catalog.ts'
import type { GapDocument } from './documents.ts'
import type { SegmentName } from './keys.ts'
import { segmentOf } from './spool.ts'
import { stretchesOf, type Stretch } from './stretches.ts'

export interface LostStretch {
  readonly timeline: string
  readonly gap: GapDocument
}

const WHY = 'it waited for the store in the spool of Respite, and somebody removed or damaged its files there'

/** Of objects that are lost: documents are none of a stream. */
export function lostStretches(keys: readonly string[]): LostStretch[] {
  return [...byTimeline(keys)].flatMap(([timeline, segments]) =>
    stretchesOf(segments).map((stretch) => ({ timeline, gap: gapOf(stretch) })),
  )
}

export interface LostBefore extends LostStretch {
  readonly before: string // key
}

/** In front of these, which were spooled, oldest first; `known` is what the store has. */
export function lostBetween(known: Shard | undefined, keys: readonly string[]): LostBefore[] {
  return [...byTimeline(keys)].flatMap(([timeline, spooled]) => {
    const { segments = [], gaps = [] } = known?.timelines.find(({ id }) => id === timeline) ?? {}
    const stretches = stretchesOf([...segments, ...spooled])
    const named = [...gaps, ...keys.flatMap((key) => gapNamed(timeline, key))]
    return stretches.slice(1).flatMap((next, at) => {
      const last = stretches[at]
      const first = spooled.find(({ from }) => from === next.from)
      if (last === undefined || first === undefined) return []
      if (named.some(({ from, to }) => from <= last.to && to >= next.from)) return []
      const { to: from, toTime: fromTime } = last
      const gap = gapOf({ from, to: next.from, fromTime, toTime: next.fromTime })
      return [{ timeline, gap, before: first.key }]
    })
  })
}

type Spooled = SegmentName & { readonly key: string }

function byTimeline(keys: readonly string[]): Map<string, Spooled[]> {
  const found = new Map<string, Spooled[]>()
  for (const key of keys) {
    const segment = segmentOf(key)
    const timeline = key.split('/').at(-3)
    if (segment === undefined || timeline === undefined) continue
    found.set(timeline, [...(found.get(timeline) ?? []), { ...segment, key }])
  }
  return found
}

/** A gap that was spooled, too: its name says which. */
function gapNamed(timeline: string, key: string): { readonly from: number; readonly to: number }[] {
  const [, of, from, to] = /([^/]+)\/gaps\/(\d+)-(\d+)\.json$/.exec(key) ?? []
  return of === timeline ? [{ from: Number(from), to: Number(to) }] : []
}

function gapOf({ from, to, fromTime, toTime }: Stretch): GapDocument {
  return { from, to, fromTime: new Date(fromTime).toISOString(), toTime: new Date(toTime).toISOString(), why: WHY }
}
