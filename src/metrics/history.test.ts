// History against a model that simply remembers everything: same samples, same moments of staleness, whatever the
// sources do. Then the ends of things: trimming, closing, clocks that jump.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Clock } from '../lib/clock.ts'
import { makeHistory, type History, type HistorySource } from './history.ts'
import { gauge, labelText, seriesOf, Snapshot, type Series } from './series.ts'

const HOUR_MS = 3_600_000
const START_MS = 1_780_000_000_000

interface HandClock extends Clock {
  pass(ms: number): void
  set(ms: number): void
}

function handClock(): HandClock {
  let wallMs = START_MS
  let passedMs = 0
  return {
    now: () => wallMs,
    monotonic: () => passedMs,
    after: () => ({ stop: () => undefined }),
    pass(ms) {
      wallMs += ms
      passedMs += ms
    },
    set: (ms) => void (wallMs = ms),
  }
}

const depth = gauge('respite_history_depth', 'For these tests.')
const size = gauge('respite_history_size', 'For these tests.')
const seriesAt = (at: number): Series => seriesOf(at % 2 === 0 ? depth : size, labelText({ cmd: `c${at}` }))

function sample(at: number, ...rows: readonly (readonly [Series, number])[]): Snapshot {
  const made = new Snapshot(at)
  for (const [series, value] of rows) made.add(series, value)
  return made
}

/** The one series with this name, or nothing. */
function only(
  history: History,
  name: string,
  fromMs = 0,
  toMs = Infinity,
): { at: readonly number[]; values: readonly number[]; stale: readonly number[] } {
  const found = history.select(name, () => true, fromMs, toMs)
  assert.ok(found.length <= 1)
  return { at: found[0]?.timestamps ?? [], values: found[0]?.values ?? [], stale: found[0]?.stale ?? [] }
}

interface Step {
  source: number
  waitMs: number
  rows: [number, number][] // series, value
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    source: fc.integer({ min: 0, max: 2 }),
    waitMs: fc.integer({ min: 1, max: 20_000 }),
    rows: fc.uniqueArray(
      fc.tuple(fc.integer({ min: 0, max: 9 }), fc.oneof(fc.integer({ min: 0, max: 3 }), fc.double())),
      { selector: ([series]) => series, maxLength: 10 },
    ),
  }),
  { maxLength: 150, size: 'max' },
)

/** What a reader must see of one series of one source. */
function expected(
  appended: readonly Snapshot[],
  series: Series,
  fromMs: number,
  toMs: number,
): [number[], number[], number[]] {
  const timestamps: number[] = []
  const values: number[] = []
  const stale: number[] = []
  let alive = false
  for (const { at, series: held, values: all } of appended) {
    if (at < fromMs || at > toMs) continue
    const index = held.indexOf(series)
    if (index !== -1) {
      timestamps.push(at)
      values.push(all[index] ?? NaN)
    } else if (alive) stale.push(at)
    alive = index !== -1
  }
  return [timestamps, values, stale]
}

test('what is appended is read back, across blocks, with series and sources that come and go', () => {
  fc.assert(
    fc.property(
      steps,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (all, a, b) => {
        const clock = handClock()
        const history = makeHistory({ keepMs: 24 * HOUR_MS, clock })
        const sources = [0, 1, 2].map((id) => history.open(`s${id}`, { instance: `s${id}` }))
        const appended: Snapshot[][] = [[], [], []]
        for (const { source, waitMs, rows } of all) {
          clock.pass(waitMs)
          const taken = sample(clock.now(), ...rows.map(([series, value]) => [seriesAt(series), value] as const))
          sources[source]?.append(taken)
          appended[source]?.push(taken)
        }
        const span = clock.now() - START_MS
        const fromMs = START_MS + Math.floor(span * Math.min(a, b))
        const toMs = START_MS + Math.ceil(span * Math.max(a, b))
        for (let at = 0; at < 10; at += 1) {
          const series = seriesAt(at)
          for (const source of [0, 1, 2]) {
            const [timestamps, values, stale] = expected(appended[source] ?? [], series, fromMs, toMs)
            const isIt = (labels: Readonly<Record<string, string>>): boolean =>
              labels['instance'] === `s${source}` && labels['cmd'] === `c${at}`
            const [points] = history.select(series.name, isIt, fromMs, toMs)
            assert.deepEqual(points?.timestamps ?? [], timestamps)
            assert.ok((points?.values ?? []).every((value, index) => Object.is(value, values[index])))
            if (points !== undefined) assert.deepEqual(points.stale, stale)
            const [last] = history.selectLast(series.name, isIt, fromMs, toMs)
            const newest = appended[source]?.findLast((one) => one.at >= fromMs && one.at <= toMs)
            const holds = newest !== undefined && newest.at === timestamps.at(-1)
            assert.deepEqual(
              [last?.timestamps[0], last?.values[0]],
              holds ? [newest.at, values.at(-1)] : [undefined, undefined],
            )
          }
        }
        const held = appended.flat().reduce((sum, { series }) => sum + series.length, 0)
        assert.equal(history.stats().samples, held)
      },
    ),
    { numRuns: 150 },
  )
})

/** Appends one sample of `series` every 5 s for that many times. */
function run(clock: HandClock, source: HistorySource, series: Series, times: number, value = (at: number) => at): void {
  for (let at = 0; at < times; at += 1) {
    clock.pass(5_000)
    source.append(sample(clock.now(), [series, value(at)]))
  }
}

test('what stays the same, whatever it is, is read back in every sample, also when it breaks off or changes once', () => {
  const constants = [0, -0, 7, 0.25, 1 / 3, 1e300, -12.5, NaN, Infinity, 2 ** 52]
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const source = history.open('a', { instance: 'a' })
  const shown = (at: number, row: number): number | undefined => {
    if (at === 1 && row === 20) return undefined
    return at === 2 && row >= 37 ? 8 : constants[at]
  }
  for (let row = 0; row < 70; row += 1) {
    clock.pass(1_000)
    const rows = constants.keys().map((at) => [seriesAt(at), shown(at, row)] as const)
    source.append(sample(clock.now(), ...rows.filter((pair): pair is [Series, number] => pair[1] !== undefined)))
  }
  const found = [depth, size].flatMap(({ name }) => history.select(name, () => true, 0, Infinity))
  for (const at of constants.keys()) {
    const points = found.find(({ labels }) => labels['cmd'] === `c${at}`)
    const wanted = Array.from({ length: 70 }, (_none, row) => shown(at, row)).filter((value) => value !== undefined)
    assert.deepEqual(points?.values, wanted)
    assert.equal(points?.stale.length, at === 1 ? 1 : 0)
  }
})

test('samples are kept for as long as asked, and not much longer', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const source = history.open('a', {})
  run(clock, source, seriesAt(0), 5_000)
  const { at, values } = only(history, depth.name)
  assert.ok((at[0] ?? 0) <= clock.now() - HOUR_MS)
  assert.ok((at[0] ?? 0) >= clock.now() - HOUR_MS - 32 * 5_000 * 2)
  assert.deepEqual(
    values,
    Array.from({ length: values.length }, (_none, index) => 5_000 - values.length + index),
  )
})

test('a series that is gone for longer than that is released, and its place is used again', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const source = history.open('a', {})
  const gone = seriesOf(depth, labelText({ cmd: 'gone' }))
  source.append(sample(clock.now(), [gone, 1]))
  run(clock, source, seriesAt(0), 2 * 720)
  assert.equal(history.stats().series, 1)
  assert.notEqual(seriesOf(depth, labelText({ cmd: 'gone' })), gone, 'a new object: nobody held the old one')
  const before = history.stats().bytes
  for (let at = 0; at < 2 * 720; at += 1) {
    clock.pass(5_000)
    source.append(sample(clock.now(), [seriesAt(0), 1], [seriesOf(size, labelText({ cmd: `fleeting ${at}` })), at]))
  }
  assert.ok(history.stats().series < 3 * 720 + 100, `${history.stats().series} series`)
  run(clock, source, seriesAt(0), 2 * 720)
  assert.equal(history.stats().series, 1)
  assert.equal(only(history, size.name).at.length, 0)
  assert.ok(before > 0)
  source.close()
})

test('a series that another source still holds is not released', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: 60_000, clock })
  const [a, b] = [history.open('a', { instance: 'a' }), history.open('b', { instance: 'b' })]
  const held = seriesOf(depth, labelText({ cmd: 'held' }))
  a.append(sample(clock.now(), [held, 1]))
  run(clock, b, held, 100)
  run(clock, a, seriesAt(1), 100)
  run(clock, b, held, 32)
  assert.equal(seriesOf(depth, labelText({ cmd: 'held' })), held)
})

test('a closed source is stale from then on, readable for as long as its samples are kept, then gone', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const [closing, going] = [history.open('a', {}), history.open('b', {})]
  run(clock, closing, seriesAt(0), 40)
  clock.pass(1_000)
  closing.close()
  closing.append(sample(clock.now() + 1, [seriesAt(0), 99]))
  const { at, stale } = only(history, depth.name)
  assert.equal(at.length, 40)
  assert.deepEqual(stale, [clock.now()])
  assert.equal(history.latest('a'), undefined)
  run(clock, going, seriesAt(1), 800)
  assert.equal(history.stats().sources, 1)
  assert.deepEqual(history.names(), [size.name])
})

test('a source that is opened again goes on where it was', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const first = history.open('a', { role: 'primary' })
  run(clock, first, seriesAt(0), 3)
  clock.pass(1)
  first.close()
  const closedAt = clock.now()
  const second = history.open('a', { role: 'replica' })
  run(clock, second, seriesAt(0), 3)
  first.close() // the old handle has no say any more
  const [points] = history.select(depth.name, () => true, 0, Infinity)
  assert.deepEqual(points?.values, [0, 1, 2, 0, 1, 2])
  assert.deepEqual(points?.stale, [closedAt])
  assert.deepEqual(points?.labels, { cmd: 'c0', role: 'replica' })
  assert.equal(history.latest('a')?.at, clock.now())
})

test('a clock set back moves the past, so that nothing is lost and no distance changes', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const source = history.open('a', {})
  run(clock, source, seriesAt(0), 50)
  clock.set(START_MS - HOUR_MS)
  run(clock, source, seriesAt(0), 50)
  const { at, values } = only(history, depth.name)
  assert.equal(values.length, 100)
  assert.equal(at.at(-1), clock.now())
  assert.ok(at.every((time, index) => index === 0 || time - (at[index - 1] ?? 0) === 5_000))
  assert.equal(history.stats().clockSteps, 1)
})

test('a stall of this process while it keeps a sample is no clock that was set', () => {
  const clock = handClock()
  let stallMs = 0
  const monotonic = (): number => {
    const readMs = clock.monotonic()
    clock.pass(stallMs) // after the reading, so that it is of the moment before
    stallMs = 0
    return readMs
  }
  const history = makeHistory({ keepMs: HOUR_MS, clock: { ...clock, monotonic } })
  const source = history.open('a', {})
  run(clock, source, seriesAt(0), 2)
  const first = only(history, depth.name).at[0]
  stallMs = 400
  run(clock, source, seriesAt(0), 3)
  assert.equal(only(history, depth.name).at[0], first)
  assert.equal(history.stats().clockSteps, 0)
})

test('a sample that was under way while the clock was set back does not block those after it', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const source = history.open('a', {})
  run(clock, source, seriesAt(0), 2)
  const underWay = sample(clock.now() + 4_000, [seriesAt(0), 2])
  clock.pass(5_000)
  clock.set(clock.now() - HOUR_MS)
  source.append(underWay)
  run(clock, source, seriesAt(0), 1)
  assert.deepEqual(
    only(history, depth.name).at.map((at) => clock.now() - at),
    [15_000, 10_000, 5_000, 0],
  )
})

test('samples that are late or of the same moment are kept in the order in which they came', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const source = history.open('a', {})
  const first = clock.now()
  clock.pass(300)
  for (const at of [clock.now(), clock.now(), first]) source.append(sample(at, [seriesAt(0), at]))
  const { at, values } = only(history, depth.name)
  assert.deepEqual(values, [clock.now(), clock.now(), first])
  assert.deepEqual(at, [clock.now(), clock.now() + 1, clock.now() + 2])
  assert.equal(history.stats().clockSteps, 0)
})

test('a clock that jumps a year ahead loses nothing', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const source = history.open('a', {})
  run(clock, source, seriesAt(0), 100)
  clock.set(START_MS + 365 * 24 * HOUR_MS)
  run(clock, source, seriesAt(0), 100)
  assert.equal(only(history, depth.name).values.length, 200)
})

test("a series twice in a snapshot counts once, its last value; a source's labels win over the series'", () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  history.open('a', { cmd: 'of the source' }).append(sample(clock.now(), [seriesAt(0), 1], [seriesAt(0), 2]))
  const [points] = history.select(depth.name, () => true, 0, Infinity)
  assert.deepEqual(points?.values, [2])
  assert.deepEqual(points?.labels, { cmd: 'of the source' })
})

test('labels with quotes, backslashes and line breaks are read as they were given', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const labels = { a: 'say "no", \\n\n', b: '', c: 'x="y"' }
  history.open('a', {}).append(sample(clock.now(), [seriesOf(depth, labelText(labels)), 1]))
  assert.deepEqual(history.select(depth.name, () => true, 0, Infinity)[0]?.labels, labels)
})

test('what a snapshot has ahead of its new series is kept when these need more room', () => {
  const clock = handClock()
  const history = makeHistory({ keepMs: HOUR_MS, clock })
  const source = history.open('one', {})
  for (const count of [3, 40, 41, 400, 2_000]) {
    clock.pass(1_000)
    source.append(sample(clock.now(), ...Array.from({ length: count }, (_, at) => [seriesAt(at), at + count] as const)))
    const found = ['respite_history_depth', 'respite_history_size'].flatMap((name) =>
      history.selectLast(name, () => true, 0, clock.now()).map(({ values }) => values[0] ?? NaN),
    )
    const expected = Array.from({ length: count }, (_, at) => at + count)
    assert.deepEqual(
      found.toSorted((a, b) => a - b),
      expected,
    )
  }
})
