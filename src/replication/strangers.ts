// Servers that do not have the history that we hold, or not all of it yet. Whoever asks one of them to go on is sent the
// whole dataset again, which costs that server a fork, and us a timeline: a replica that is a moment behind looks like a server
// that was put back, and one that was started anew like another dataset, while the server that was promoted knows all of
// it. So the others are asked first. A stranger is believed when nobody knows better, a replica when it does not catch up,
// and whoever is still the one to follow when he is met again.

import type { Clock } from '../lib/clock.ts'
import type { ServerFacts } from './handshake.ts'
import type { Position } from './sink.ts'

type Strange = 'behind' | 'unknown'

const AVOIDED_MS: Record<Strange, number> = { behind: 60_000, unknown: 10_000 }
const CATCHES_UP_MS = 10_000
const FORGOTTEN_MS = 120_000

interface Met {
  readonly strange: Strange
  readonly search: number
  readonly firstMs: number // monotonic
  readonly lastMs: number
}

export class Strangers {
  readonly #clock: Clock
  readonly #met = new Map<string, Met>()
  #search = 0 // since somebody streamed to us last

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ids of servers that were turned away a moment ago: to be chosen only when there is nobody else. */
  get avoided(): ReadonlySet<string> {
    const now = this.#clock.monotonic()
    return new Set(
      [...this.#met].flatMap(([id, { strange, lastMs }]) => (now - lastMs < AVOIDED_MS[strange] ? [id] : [])),
    )
  }

  /** When the first of them may be chosen again, ms from now; undefined: there is none. */
  get nextMs(): number | undefined {
    const now = this.#clock.monotonic()
    const all = [...this.#met.values()].map(({ strange, lastMs }) => lastMs + AVOIDED_MS[strange] - now)
    const coming = all.filter((ms) => ms > 0)
    return coming.length === 0 ? undefined : Math.min(...coming)
  }

  /** Why this server is to be left again before it sends everything; undefined: go on with it. */
  turnsAway(id: string, { role, histories }: ServerFacts, ours: Position): string | undefined {
    if (histories === undefined) return undefined // of whom we may not ask
    const { replid, offset, earlier, earlierUpTo } = histories
    const isOurs = replid === ours.replid
    if (isOurs && ours.offset <= offset) return undefined
    if (earlier === ours.replid && ours.offset <= earlierUpTo) return undefined
    const strange = isOurs && role === 'replica' ? 'behind' : 'unknown'
    const met = this.#metBefore(id, strange)
    const now = this.#clock.monotonic()
    const isBelieved = met !== undefined && (strange === 'unknown' || now - met.firstMs > CATCHES_UP_MS)
    if (isBelieved) return undefined
    this.#met.set(id, { strange, search: this.#search, firstMs: met?.firstMs ?? now, lastMs: now })
    return isOurs
      ? `it is behind what we have of its history, at offset ${offset} and not ${ours.offset}`
      : 'it does not know our history; perhaps another server does'
  }

  /** This one streams to us. */
  found(id: string): void {
    this.#met.delete(id)
    this.#search += 1
  }

  /** A replica that is behind is not believed as long as somebody else streams to us between two meetings. */
  #metBefore(id: string, strange: Strange): Met | undefined {
    const met = this.#met.get(id)
    if (met === undefined || met.strange !== strange) return undefined
    if (this.#clock.monotonic() - met.lastMs > FORGOTTEN_MS) return undefined
    return strange === 'unknown' || met.search === this.#search ? met : undefined
  }
}
