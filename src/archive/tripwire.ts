// Sees in the stream that a dataset is being taken away: FLUSHALL, FLUSHDB, SWAPDB at once; and more keys removed in ten
// seconds than expiry and eviction explain, since both of those reach the stream as plain DEL and UNLINK. What it finds
// becomes a restore point one command earlier, and an alert.

import type { Frame } from '../replication/stream-framer.ts'

/** What INFO says of the primary. */
export interface RemovalCounts {
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
const QUIET_MS = 60_000 // removal that goes on is one event, not six a minute

interface Removal {
  readonly at: number
  readonly keys: number
  readonly from: number // offset before the first of them
}

export class Tripwire {
  #removals: Removal[] = []
  #counts: { readonly at: number; readonly counts: RemovalCounts }[] = []
  #quietUntil = Number.NEGATIVE_INFINITY

  /** Takes the counts of the primary, about every two seconds. `now` is monotonic ms. */
  count(counts: RemovalCounts, now: number): void {
    this.#counts.push({ at: now, counts })
    const old = this.#counts.findLastIndex(({ at }) => at <= now - WINDOW_MS)
    if (old > 0) this.#counts.splice(0, old)
  }

  /** Commands that take away a whole database trip at once. */
  wiped(frame: Frame): Tripped[] {
    const keysLost = this.#counts.at(-1)?.counts.keys ?? 0
    return frame.wipes.map(({ command, before }) => ({ command, offset: before, keysLost }))
  }

  note(frame: Frame, now: number): void {
    if (frame.removedFrom !== undefined) this.#removals.push({ at: now, keys: frame.removed, from: frame.removedFrom })
    const old = this.#removals.findIndex(({ at }) => at > now - WINDOW_MS)
    if (old > 0) this.#removals.splice(0, old)
    else if (old === -1) this.#removals.length = 0
  }

  /** To be asked after `count`: were more keys removed in the window than its counts explain? */
  look(now: number): Tripped | undefined {
    const [first, last] = [this.#counts[0], this.#counts.at(-1)]
    const begin = this.#removals[0]
    if (begin === undefined || first === undefined || last === undefined || now < this.#quietUntil) return undefined
    const removed = this.#removals.reduce((sum, { keys }) => sum + keys, 0)
    const explained =
      difference(first.counts.expired, last.counts.expired) + difference(first.counts.evicted, last.counts.evicted)
    const keysLost = removed - explained
    if (keysLost <= Math.max(LEAST_KEYS, SHARE * Math.max(first.counts.keys, last.counts.keys))) return undefined
    this.#quietUntil = now + QUIET_MS
    return { command: 'DEL, UNLINK', offset: begin.from, keysLost }
  }
}

/** Of a counter that begins at 0 again with a restart. */
function difference(before: number, after: number): number {
  return after >= before ? after - before : after
}
