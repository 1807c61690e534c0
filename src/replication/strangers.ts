// Servers that do not have the history that we hold, or not all of it yet. Whoever asks one of them to go on is sent the
// whole dataset again, which costs that server a fork, and us a timeline: a replica that is a moment behind looks like a server
// that was put back, and one that was started anew like another dataset, while the server that was promoted knows all of
// it. So the others are asked first; only when nobody knows better, or a replica does not catch up, is a stranger believed.

import type { Clock } from '../lib/clock.ts'
import type { ServerFacts } from './handshake.ts'
import type { Position } from './sink.ts'

const CATCHES_UP_MS = 10_000

interface Met {
  readonly firstMs: number // monotonic
  lastMs: number
}

export class Strangers {
  readonly #clock: Clock
  readonly #met = new Map<string, Met>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ids of servers that were turned away a moment ago: to be chosen only when there is nobody else. */
  get avoided(): ReadonlySet<string> {
    const since = this.#clock.monotonic() - CATCHES_UP_MS
    return new Set([...this.#met].flatMap(([id, { lastMs }]) => (lastMs > since ? [id] : [])))
  }

  /** Why this server is to be left again before it sends everything; undefined: go on with it. */
  turnsAway(id: string, { role, histories }: ServerFacts, ours: Position): string | undefined {
    if (histories === undefined) return undefined // of whom we may not ask
    const { replid, offset, earlier, earlierUpTo } = histories
    const isOurs = replid === ours.replid
    if (isOurs && ours.offset <= offset) return undefined
    if (earlier === ours.replid && ours.offset <= earlierUpTo) return undefined
    const now = this.#clock.monotonic()
    const met = this.#met.get(id)
    const waits = isOurs && role === 'replica' && now - (met?.firstMs ?? now) < CATCHES_UP_MS
    if (met !== undefined && !waits) return undefined
    this.#met.set(id, { firstMs: met?.firstMs ?? now, lastMs: now })
    return isOurs
      ? `it is behind what we have of its history, at offset ${offset} and not ${ours.offset}`
      : 'it does not know our history; perhaps another server does'
  }

  /** It streams to us. */
  forget(id: string): void {
    this.#met.delete(id)
  }
}
