// Whatever lies in an archive and whatever is to be kept: after a prune every moment of the window is what it was before,
// the bases that are kept are whole, and there is nothing more to take.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { DeploymentArchive, Shard, StoredBase, StoredSegment, Timeline } from './catalog.ts'
import { byTime } from './reach.ts'
import { planRetention, withoutRemoved, type Keep } from './retention.ts'
import { stretchesOf } from './stretches.ts'

const NOW = Date.UTC(2026, 10, 21, 12)
const DAY = 86_400_000

/** What happened next in a timeline, and how long after what was before. */
interface Step {
  readonly what: 'segment' | 'base' | 'lone base' | 'gap' | 'fork'
  readonly afterMs: number
  readonly tookMs: number
  readonly isGood: boolean
}

const steps = fc.array(
  fc.record({
    what: fc.constantFrom('segment', 'segment', 'segment', 'base', 'lone base', 'gap', 'fork'),
    afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: DAY }), fc.integer({ min: 0, max: 40 * DAY })),
    tookMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 * DAY })),
    isGood: fc.boolean(),
  }) satisfies fc.Arbitrary<Step>,
  { minLength: 1, maxLength: 40 },
)
const keeps = fc.record({
  hourly: fc.nat(3),
  daily: fc.nat(4),
  weekly: fc.nat(3),
  monthly: fc.nat(3),
  streamMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 * DAY })),
}) satisfies fc.Arbitrary<Keep>

/** An archive whose last step was just now. */
function archiveOf(all: readonly Step[]): Pick<DeploymentArchive, 'shards'> & DeploymentArchive {
  const total = all.reduce((sum, { afterMs, tookMs }) => sum + afterMs + tookMs, 0)
  let at = NOW - total
  let offset = 0
  const drafts: { bases: StoredBase[]; segments: StoredSegment[] }[] = [{ bases: [], segments: [] }]
  for (const { what, afterMs, tookMs, isGood } of [
    { what: 'base', afterMs: 0, tookMs: 0, isGood: true } as const,
    ...all,
  ]) {
    const [from, to] = [at + afterMs, at + afterMs + tookMs]
    at = to
    if (what === 'fork') drafts.push({ bases: [], segments: [] })
    if (what === 'fork' || what === 'gap') offset += 50
    const draft = drafts.at(-1)
    if (draft === undefined) continue
    if (what === 'segment') {
      draft.segments.push({ from: offset, to: offset + 100, fromTime: from, toTime: to } as StoredSegment)
      offset += 100
    } else {
      const verifiedAt = isGood ? new Date(to).toISOString() : undefined
      const base = { id: `${to}-${draft.bases.length}-${drafts.length}`, at: new Date(to).toISOString(), verifiedAt }
      draft.bases.push({ ...base, offset: what === 'lone base' ? null : offset } as StoredBase)
    }
  }
  const timelines = drafts.map(({ bases, segments }, index): Timeline => {
    const sorted = bases.toSorted((a, b) => (a.offset ?? 0) - (b.offset ?? 0) || (a.at < b.at ? -1 : 1))
    const id = `${String(index + 1).padStart(4, '0')}-00000000`
    const empty = { about: undefined, replids: [], gaps: [], prunedTo: 0 }
    return { id, root: `${id}/`, bases: sorted, segments, stretches: stretchesOf(segments), ...empty }
  })
  return { name: 'orders', shards: [{ name: '0', timelines }] } as unknown as DeploymentArchive
}

/** When the stream behind it ends. */
function streamEnd(timeline: Timeline | undefined, base: StoredBase | undefined): number {
  let [offset, at] = [base?.offset, -1]
  for (const { from, to, toTime } of timeline?.segments ?? []) if (from === offset) [offset, at] = [to, toTime]
  return at
}

/** What a restore to that moment gives: the model, as simple as it can be said. */
function restored({ timelines }: Shard, at: number): string | undefined {
  const timeline = timelines.findLast(({ bases }) => bases.some((base) => Date.parse(base.at) <= at))
  const bases = timeline?.bases.filter((base) => Date.parse(base.at) <= at).toSorted(byTime) ?? []
  const [base, alone] = [
    bases.findLast(({ offset }) => offset !== null),
    bases.findLast(({ offset }) => offset === null),
  ]
  const isFurther = (one: StoredBase): boolean =>
    Date.parse(one.at) > Math.max(base === undefined ? -1 : Date.parse(base.at), streamEnd(timeline, base))
  if (alone !== undefined && isFurther(alone)) return `${timeline?.id} base ${alone.id}`
  if (timeline === undefined || base === undefined || base.offset === null) return undefined
  let { offset } = base
  for (const segment of timeline.segments)
    if (segment.from === offset && segment.toTime <= at) offset = segment.to
    else if (segment.from >= offset) break
  return `${timeline.id} offset ${offset}`
}

test('every moment of the window is restored as before, and a second prune takes nothing', () => {
  fc.assert(
    fc.property(steps, keeps, (all, keep) => {
      const archive = archiveOf(all)
      const plan = planRetention(archive, keep, NOW)
      const left = withoutRemoved(archive, plan)
      const [before, after] = [archive.shards[0], left.shards[0]]
      assert.ok(before !== undefined && after !== undefined)
      const windowFrom = NOW - keep.streamMs
      const moments = before.timelines.flatMap(({ bases, segments }) => [
        ...bases.map((base) => Date.parse(base.at)),
        ...segments.flatMap(({ fromTime, toTime }) => [fromTime, toTime - 1, toTime]),
      ])
      for (const moment of [windowFrom, NOW, ...moments])
        if (moment >= windowFrom && moment <= NOW)
          assert.equal(restored(after, moment), restored(before, moment), `${moment - NOW}`)
      const bases = after.timelines.flatMap((timeline) => timeline.bases)
      assert.deepEqual(new Set(bases), new Set(plan.kept.map(({ base }) => base)))
      const good = before.timelines
        .flatMap((timeline) => timeline.bases)
        .filter(({ verifiedAt }) => verifiedAt !== undefined)
      const lastGood = good.reduce((best, base) => (Date.parse(base.at) >= Date.parse(best.at) ? base : best))
      assert.ok(
        bases.some(({ at }) => at === lastGood.at),
        'the last good base is there',
      )
      const again = planRetention(left, keep, NOW)
      assert.ok(again.timelines.every((timeline) => timeline.bases.length === 0 && timeline.segments.length === 0))
    }),
    { numRuns: 2_000 },
  )
})

test('of a year of daily bases and a week of stream, what the words say is kept', () => {
  const daily: Step = { what: 'base', afterMs: DAY, tookMs: 0, isGood: true }
  const flow: Step = { what: 'segment', afterMs: 0, tookMs: 0, isGood: true }
  const archive = archiveOf(Array.from({ length: 365 }, () => [daily, flow]).flat())
  const keep = { hourly: 24, daily: 7, weekly: 4, monthly: 12, streamMs: 7 * DAY }
  const { kept, timelines } = planRetention(archive, keep, NOW)
  const count = (why: string): number => kept.filter((each) => each.why.includes(why)).length
  assert.deepEqual([count('hourly'), count('daily'), count('weekly'), count('monthly')], [24, 7, 4, 12])
  assert.ok(kept.length < 40 && kept.length >= 34, String(kept.length))
  assert.equal(timelines[0]?.segments.length, 365 - 8)
})
