// Small segments become large ones, so that a week is a thousand objects and not a million. The frames that were sent are
// kept for some minutes; one behind the other they are a segment, too, and need not be compressed again.

import type { Cut } from './stream-buffer.ts'

export interface JoinablePart {
  readonly cut: Pick<Cut, 'from' | 'to' | 'fromTime' | 'toTime' | 'db'>
  readonly frame: Buffer // its zstd frame, not encrypted
  readonly key: string // of the small object
  readonly durable: Promise<boolean> // fulfilled when that is in the store; false: it never will be
}

export interface Joined {
  readonly parts: readonly JoinablePart[]
  readonly cut: JoinablePart['cut']
}

export interface JoiningLimits {
  readonly bytes: number // compressed
  readonly ms: number // from its first byte to its last one
}

export const JOINING: JoiningLimits = { bytes: 32 * 1024 * 1024, ms: 10 * 60_000 }

export class Joining {
  readonly #limits: JoiningLimits
  #parts: JoinablePart[] = []
  #bytes = 0
  /** A base is asked for, and its offset may turn out to lie in what is here: nothing is joined unless it gets twice as much. */
  isHeld = false

  constructor(limits: JoiningLimits) {
    this.#limits = limits
  }

  /** What is complete with this part: too large or too old with it, or it does not go on where the last one ended. */
  add(part: JoinablePart): Joined | undefined {
    const last = this.#parts.at(-1)
    const full = last === undefined || last.cut.to === part.cut.from ? undefined : this.take()
    this.#parts.push(part)
    this.#bytes += part.frame.length
    if (full !== undefined) return full
    const times = this.isHeld ? 2 : 1
    const ms = part.cut.toTime - (this.#parts[0] ?? part).cut.fromTime
    return this.#bytes >= times * this.#limits.bytes || ms >= times * this.#limits.ms ? this.take() : undefined
  }

  /** Takes back what begins at this offset or behind it. */
  takeFrom(offset: number): JoinablePart[] {
    const taken = this.#parts.filter(({ cut }) => cut.from >= offset)
    this.#parts = this.#parts.filter(({ cut }) => cut.from < offset)
    this.#bytes = this.#parts.reduce((sum, { frame }) => sum + frame.length, 0)
    return taken
  }

  /** Ends the present one: a base begins here, or nothing follows. One part alone is joined with nobody. */
  take(): Joined | undefined {
    const parts = this.takeFrom(0)
    const [first, last] = [parts[0], parts.at(-1)]
    if (first === undefined || last === undefined || first === last) return undefined
    const { from, fromTime } = first.cut
    const { to, toTime, db } = last.cut
    return { parts, cut: { from, to, fromTime, toTime, db } }
  }
}
