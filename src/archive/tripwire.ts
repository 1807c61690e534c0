// Sees in the stream that a dataset is being taken away: FLUSHALL, FLUSHDB, SWAPDB at once; and more keys removed in ten
// seconds than expiry and eviction explain, since both of those reach the stream as plain DEL and UNLINK. What it finds
// becomes a restore point one command earlier, and an alert.
//
// The primary's counters are compared with the stream between the same two offsets, which one INFO names together: a
// stream that comes late, after a disconnect or through a replica that is behind, is judged as if it had come at once.

import type { Frame } from '../replication/stream-framer.ts'

/** What one INFO of the primary says. */
export interface RemovalCounts {
  readonly replid: string
  readonly offset: number // of its stream
  readonly keys: number // in all databases
  readonly expired: number // expired_keys, since its start
  readonly evicted: number // evicted_keys
}

export interface Tripped {
  readonly command: string // FLUSHALL, or "DEL, UNLINK" for keys removed one by one
  readonly offset: number // before it
  readonly keysLost: number // as far as that can be known
}

const WINDOW_MS = 10_000
const LEAST_KEYS = 1_000
const SHARE = 0.01
const NOTABLE = 0.1 // of that many: with so much in one interval it began
const QUIET_MS = 60_000 // removal that goes on is one event, not six a minute
const MOST_COUNTS = 300 // ten minutes: a stream that is further behind is not judged

/** Of one chunk of the stream. */
interface Removal {
  readonly keys: number
  readonly from: number // offset before the first of them
  readonly start: number // offset of the chunk
  readonly end: number
}

interface Count extends RemovalCounts {
  readonly at: number // monotonic ms
}

export class Tripwire {
  #removals: Removal[] = []
  #counts: Count[] = []
  #received = 0 // offset
  #quietUntil = Number.NEGATIVE_INFINITY

  /** Takes the counts of the primary, about every two seconds. `now` is monotonic ms. */
  count(counts: RemovalCounts, now: number): void {
    const last = this.#counts.at(-1)
    // Another history, or another server that counts for itself.
    const isAnother = last !== undefined && (last.replid !== counts.replid || counts.offset < last.offset)
    if (isAnother || (last !== undefined && (counts.expired < last.expired || counts.evicted < last.evicted)))
      this.#counts = []
    this.#counts.push({ ...counts, at: now })
    if (this.#counts.length > MOST_COUNTS) this.#counts.shift()
    this.#forget()
  }

  /** Commands that take away a whole database trip at once. */
  wiped(frame: Frame): Tripped[] {
    const keysLost = this.#counts.findLast(({ offset }) => offset <= frame.end)?.keys ?? this.#counts.at(-1)?.keys ?? 0
    return frame.wipes.map(({ command, before }) => ({ command, offset: before, keysLost }))
  }

  note(frame: Frame): void {
    this.#received = frame.end
    const { removedFrom: from, removed: keys, start, end } = frame
    if (from !== undefined) this.#removals.push({ keys, from, start, end })
  }

  /** To be asked after `count`: were more keys removed in some ten seconds than the counts explain? */
  look(now: number): Tripped | undefined {
    if (now < this.#quietUntil) return undefined
    const known = this.#counts.filter(({ offset }) => offset <= this.#received)
    const last = known.at(-1)
    if (last === undefined) return undefined
    const window = known.filter(({ at }) => at >= last.at - WINDOW_MS)
    // A chunk that lies across an end of the window is left for the next one: half of it is not explained here.
    const [first = last] = window
    const removals = this.#removals.filter(({ start, end }) => start >= first.offset && end <= last.offset)
    const keysLost = sumOf(removals) - explainedBetween(first, last)
    const most = Math.max(LEAST_KEYS, SHARE * Math.max(...window.map(({ keys }) => keys)))
    if (keysLost <= most) return undefined
    this.#quietUntil = now + QUIET_MS
    const offset = beginOf(window, removals, NOTABLE * most) ?? removals[0]?.from ?? last.offset
    return { command: 'DEL, UNLINK', offset, keysLost }
  }

  /** What lies before the window of the newest count that the stream has reached. */
  #forget(): void {
    const reached = this.#counts.findLast(({ offset }) => offset <= this.#received)
    if (reached !== undefined) this.#counts = this.#counts.filter(({ at }) => at >= reached.at - WINDOW_MS)
    const oldest = this.#counts[0]?.offset ?? Number.POSITIVE_INFINITY
    this.#removals = this.#removals.filter(({ from }) => from >= oldest)
  }
}

function sumOf(removals: readonly Removal[]): number {
  return removals.reduce((sum, { keys }) => sum + keys, 0)
}

function explainedBetween(start: Count, end: Count): number {
  return end.expired - start.expired + end.evicted - start.evicted
}

/** Before the first removal of the first interval in which so many are not explained. */
function beginOf(counts: readonly Count[], removals: readonly Removal[], notable: number): number | undefined {
  for (const [at, end] of counts.slice(1).entries()) {
    const start = counts[at] ?? end
    const within = removals.filter(({ from }) => from >= start.offset && from < end.offset)
    if (sumOf(within) - explainedBetween(start, end) > notable) return within[0]?.from
  }
  return undefined
}
