// What was measured in the last hour, in memory, packed to two or three bytes for a value that changed; read by name,
// labels and time. A source is one server; its timeline is the times of its snapshots. A series that a snapshot of its
// source does not hold is *stale* from that moment on: it has ended and must not be carried forward.
//
// A clock that is set back moves the samples before it back by as much: distances stay what they were, and the newest
// sample has the time that the clock shows. A sample that is merely late is put one millisecond after the last. When a
// sample is old enough to be dropped is counted on the monotonic clock: a clock that jumps ahead loses nothing.

import { wallMinusMonotonic, type Clock } from '../lib/clock.ts'
import { MOST_ROWS } from './column-codec.ts'
import { forgetIndex, merge, OPEN_ROWS, OpenBlock, seal, type Block } from './history-block.ts'
import { readLast, readPoints, stretchesOf, timesOf } from './history-read.ts'
import { parseLabels, releaseSeries, type Series, type Snapshot } from './series.ts'

export type Labels = Readonly<Record<string, string>>

/** One series of one source within a range of time. */
export interface Points {
  readonly labels: Labels // of the series and of its source, without the name; the same object each time
  readonly timestamps: readonly number[] // epoch milliseconds, ascending; series of one source may share them
  readonly values: readonly number[] // as many
  readonly stale: readonly number[] // times at which the series had ended: no sample before such a time is valid after it
}

export interface HistorySource {
  append(snapshot: Snapshot): void // does nothing once closed: a sample that was under way comes too late
  close(): void // the server is watched no more; what was measured stays readable for `keepMs`
}

export interface HistoryStats {
  readonly sources: number
  readonly series: number
  readonly samples: number
  readonly bytes: number // of samples; the names are counted once for all sources and not here
  readonly clockSteps: number // how often a timeline had to be moved because the clock was set back
}

export interface History {
  /** A source opened again under the same id goes on with its timeline; the labels given last are those of all of it. */
  open(id: string, labels: Labels): HistorySource
  /** Samples from `fromMs` to `toMs`, both included. Series without a sample in that range are left out. */
  select(name: string, matches: (labels: Labels) => boolean, fromMs: number, toMs: number): Points[]
  /** Of each series the sample that holds at `toMs`, if it is not older than `fromMs`: none of one that has ended. */
  selectLast(name: string, matches: (labels: Labels) => boolean, fromMs: number, toMs: number): Points[]
  names(): string[] // of all series held, in no order
  latest(id: string): Snapshot | undefined // the newest snapshot of an open source
  stats(): HistoryStats
}

export interface HistoryOptions {
  readonly keepMs: number // samples are kept at least this long, and at most 32 samples longer
  readonly clock: Clock
}

// A clock that is slewed (NTP: at most half a millisecond a second) moves by less between two samples.
const CLOCK_STEP_MS = 20

export function makeHistory({ keepMs, clock }: HistoryOptions): History {
  const timelines = new Map<string, Timeline>()
  const holders = new Holders()

  const dropOld = (): void => {
    for (const [id, timeline] of timelines) {
      if (!timeline.closed) continue
      timeline.trim(clock.monotonic() - keepMs)
      if (timeline.isEmpty) timelines.delete(id)
    }
  }

  return {
    open(id, labels) {
      const timeline = timelines.get(id) ?? new Timeline(holders)
      timelines.set(id, timeline)
      timeline.relabel(labels)
      timeline.closed = false
      let open = true
      return {
        append(snapshot) {
          if (!open) return
          if (timeline.append(snapshot, clock)) {
            timeline.trim(clock.monotonic() - keepMs)
            dropOld()
          }
        },
        close() {
          if (!open) return
          open = false
          timeline.end(clock)
          dropOld()
        },
      }
    },

    select: (name, matches, fromMs, toMs) =>
      select(holders.named(name), { matches, range: [fromMs, toMs], onlyLast: false }),
    selectLast: (name, matches, fromMs, toMs) =>
      select(holders.named(name), { matches, range: [fromMs, toMs], onlyLast: true }),

    names: () => holders.names(),
    latest: (id) => timelines.get(id)?.latest,

    stats() {
      const all = [...timelines.values()]
      const sum = (of: (timeline: Timeline) => number): number => all.reduce((total, one) => total + of(one), 0)
      return {
        sources: all.length,
        series: sum((one) => one.series),
        samples: sum((one) => one.samples),
        bytes: sum((one) => one.bytes),
        clockSteps: sum((one) => one.clockSteps),
      }
    },
  }
}

interface Question {
  readonly matches: (labels: Labels) => boolean
  readonly range: readonly [fromMs: number, toMs: number]
  readonly onlyLast: boolean
}

/** One series of a timeline that somebody asks for. */
interface Chosen {
  readonly column: number
  readonly labels: Labels
}

function select(wanted: Iterable<[Series, Held]>, question: Question): Points[] {
  const chosen = new Map<Timeline, Chosen[]>()
  for (const [series, { timelines, columns }] of wanted)
    for (const [at, timeline] of timelines.entries()) {
      const one = { column: columns[at] as number, labels: timeline.labelsOf(series) }
      if (!question.matches(one.labels)) continue
      const ofIt = chosen.get(timeline)
      if (ofIt === undefined) chosen.set(timeline, [one])
      else ofIt.push(one)
    }
  const found: Points[] = []
  for (const [timeline, ofIt] of chosen) timeline.read(ofIt, question, found)
  return found
}

/** Which timelines hold a series, and in which column each. One that nobody holds any more is released. */
interface Held {
  readonly timelines: Timeline[]
  readonly columns: number[] // of each of them
}

class Holders {
  readonly #byName = new Map<string, Map<Series, Held>>()

  hold(series: Series, timeline: Timeline, column: number): void {
    const ofName = this.#byName.get(series.name) ?? new Map<Series, Held>()
    this.#byName.set(series.name, ofName)
    const held = ofName.get(series) ?? { timelines: [], columns: [] }
    ofName.set(series, held)
    held.timelines.push(timeline)
    held.columns.push(column)
  }

  release(series: Series, timeline: Timeline): void {
    const ofName = this.#byName.get(series.name)
    const held = ofName?.get(series)
    const at = held?.timelines.indexOf(timeline) ?? -1
    if (ofName === undefined || held === undefined || at === -1) return
    held.timelines.splice(at, 1)
    held.columns.splice(at, 1)
    if (held.timelines.length > 0) return
    ofName.delete(series)
    if (ofName.size === 0) this.#byName.delete(series.name)
    releaseSeries(series)
  }

  /** A linear search among the sources that have the series: for those that stand where none was expected. */
  columnOf(series: Series, timeline: Timeline): number | undefined {
    const held = this.#byName.get(series.name)?.get(series)
    return held?.columns[held.timelines.indexOf(timeline)]
  }

  named(name: string): Iterable<[Series, Held]> {
    return this.#byName.get(name) ?? []
  }

  names(): string[] {
    return [...this.#byName.keys()]
  }
}

/** All samples of one source. Each series has a column; the number of a column is used again after its last sample is dropped. */
class Timeline {
  closed = false
  clockSteps = 0
  latest: Snapshot | undefined
  series = 0 // that have a column
  private readonly holders: Holders
  private labels: Labels = {}
  private readonly labelsKnown = new Map<Series, Labels>() // of series that were read
  private readonly blocks: Block[] = []
  private open = new OpenBlock()
  private readonly lastBlock: number[] = [] // by column: the number of the newest block that has a sample of it
  private readonly free: number[] = []
  private readonly seriesAt: (Series | undefined)[] = [] // by column
  private readonly followers = new Map<number, number>() // the column that came behind a column (-1: the first), where not the next
  private blockNumber = 0
  private lastMs = -Infinity
  private wallMinusMonotonicMs = -Infinity // at the last sample; falls when somebody sets the clock back

  constructor(holders: Holders) {
    this.holders = holders
  }

  get isEmpty(): boolean {
    return this.blocks.length === 0 && this.open.rows === 0
  }

  get samples(): number {
    return this.blocks.reduce((sum, block) => sum + block.samples, this.open.samples)
  }

  get bytes(): number {
    return this.blocks.reduce((sum, block) => sum + block.bytes.length, this.open.bytes)
  }

  relabel(labels: Labels): void {
    this.labels = labels
    this.labelsKnown.clear()
  }

  /** Answers whether a block was sealed. */
  append(snapshot: Snapshot, clock: Clock): boolean {
    this.latest = snapshot
    const { series, values } = snapshot
    this.open.reserve(this.lastBlock.length)
    for (let at = 0, column = -1; at < series.length; at += 1) {
      column = this.columnBehind(column, series[at] as Series)
      this.open.set(column, values[at] as number)
    }
    return this.endRow(snapshot.at, clock)
  }

  /** The source is watched no more: a last row without any series. */
  end(clock: Clock): void {
    this.closed = true
    this.latest = undefined
    if (!this.isEmpty && !this.endRow(clock.now(), clock)) this.seal(clock.monotonic())
    this.open = new OpenBlock() // its room is given back
  }

  trim(sealedBefore: number): void {
    const kept = this.blocks.findIndex((block) => block.sealedAt >= sealedBefore)
    const dropped = this.blocks.splice(0, kept === -1 ? this.blocks.length : kept)
    if (dropped.length === 0) return
    const oldest = this.blocks[0]?.number ?? this.blockNumber
    for (const [column, series] of this.seriesAt.entries()) {
      // A column in the open block was given its number by `append`, whatever the sealed blocks hold of it.
      if (series === undefined || (this.lastBlock[column] ?? 0) >= oldest) continue
      if ((this.open.present[column] ?? 0) !== 0) continue
      this.labelsKnown.delete(series)
      this.free.push(column)
      this.holders.release(series, this)
      this.seriesAt[column] = undefined
      this.series -= 1
    }
  }

  /** Adds to `found` what there is of these. */
  read(chosen: Chosen[], { range, onlyLast }: Question, found: Points[]): void {
    chosen.sort((a, b) => a.column - b.column)
    const stretches = stretchesOf(this.blocks, this.open, range, onlyLast)
    const last = stretches.at(-1)
    if (last === undefined) return
    const shared = onlyLast ? [] : timesOf(stretches)
    for (const { column, labels } of chosen) {
      const points = onlyLast ? readLast(column, last, labels) : readPoints(column, stretches, shared, labels)
      if (points !== undefined) found.push(points)
    }
  }

  /** The column of a series that stands behind another: the next one, the one that was there last, or one further. */
  private columnBehind(before: number, series: Series): number {
    if (this.seriesAt[before + 1] === series) return before + 1
    const guess = this.followers.get(before) ?? before + 1
    if (this.seriesAt[guess] === series) return guess
    const further = this.followers.get(guess) ?? guess + 1
    if (this.seriesAt[further] === series) return further
    const column = this.holders.columnOf(series, this) ?? this.addColumn(series)
    if (column !== before + 1) this.followers.set(before, column)
    return column
  }

  labelsOf(series: Series): Labels {
    let labels = this.labelsKnown.get(series)
    if (labels === undefined) {
      labels = { ...parseLabels(series), ...this.labels }
      this.labelsKnown.set(series, labels)
    }
    return labels
  }

  private addColumn(series: Series): number {
    const column = this.free.pop() ?? this.lastBlock.length
    this.lastBlock[column] = -1
    this.open.reserve(this.lastBlock.length)
    this.seriesAt[column] = series
    this.series += 1
    this.holders.hold(series, this, column)
    return column
  }

  private endRow(atMs: number, clock: Clock): boolean {
    const monotonicMs = clock.monotonic()
    const offsetMs = wallMinusMonotonic(clock)
    const setBackMs = Math.round(this.wallMinusMonotonicMs - offsetMs)
    if (setBackMs >= CLOCK_STEP_MS) this.moveBack(setBackMs)
    this.wallMinusMonotonicMs = offsetMs
    // Never later than now: a sample that was under way while the clock was set back has a time to come.
    this.lastMs = Math.max(Math.round(Math.min(atMs, clock.now())), this.lastMs + 1)
    this.open.times[this.open.rows] = this.lastMs
    this.open.rows += 1
    if (this.open.rows < OPEN_ROWS) return false
    this.seal(monotonicMs)
    return true
  }

  private seal(monotonicMs: number): void {
    const { present } = this.open
    for (const column of this.lastBlock.keys())
      if ((present[column] ?? 0) !== 0) this.lastBlock[column] = this.blockNumber
    this.blocks.push(seal(this.open, this.lastBlock.length, this.blockNumber, monotonicMs))
    this.blockNumber += 1
    this.mergeSmall()
    forgetIndex(this.blocks)
  }

  /** The small blocks, which are the newest ones, become one when another would be too many for it. */
  private mergeSmall(): void {
    const isSmall = ({ rows }: Block): boolean => rows <= MOST_ROWS - OPEN_ROWS
    const small = this.blocks.slice(this.blocks.findLastIndex((block) => !isSmall(block)) + 1)
    const rows = small.reduce((sum, block) => sum + block.rows, 0)
    if (rows <= MOST_ROWS - OPEN_ROWS) return
    this.blocks.splice(-small.length, small.length, merge(small))
  }

  private moveBack(byMs: number): void {
    this.clockSteps += 1
    this.lastMs -= byMs
    for (const block of this.blocks) {
      block.startMs -= byMs
      block.index = undefined
      block.endMs -= byMs
    }
    for (let row = 0; row < this.open.rows; row += 1) this.open.times[row] = (this.open.times[row] ?? 0) - byMs
  }
}
