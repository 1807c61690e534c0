// Small segments become large ones, so that a week is a thousand objects and not a million. The frames that were sent are
// kept for some minutes; one behind the other they are a segment, too, and need not be compressed again.

import type { Cut } from './stream-buffer.ts'

export interface JoinablePart {
  readonly cut: Pick<Cut, 'from' | 'to' | 'fromTime' | 'toTime' | 'db'>
  readonly frame: Buffer // its zstd frame, not encrypted
  readonly key: string // of the small object
}

export interface Joined {
  readonly parts: readonly JoinablePart[]
  readonly cut: JoinablePart['cut']
}

const MOST_BYTES = 32 * 1024 * 1024 // compressed
const MOST_MS = 10 * 60_000

export class Joining {
  #parts: JoinablePart[] = []
  #bytes = 0

  /** What is complete with this part: too large or too old with it, or it does not go on where the last one ended. */
  add(part: JoinablePart): Joined | undefined {
    const last = this.#parts.at(-1)
    const goesOn = last === undefined || last.cut.to === part.cut.from
    const full = goesOn ? undefined : this.take()
    this.#parts.push(part)
    this.#bytes += part.frame.length
    const first = this.#parts[0] ?? part
    if (full !== undefined) return full
    return this.#bytes >= MOST_BYTES || part.cut.toTime - first.cut.fromTime >= MOST_MS ? this.take() : undefined
  }

  /** Ends the present one: a base begins here, or nothing follows. One part alone is joined with nobody. */
  take(): Joined | undefined {
    const parts = this.#parts
    this.#parts = []
    this.#bytes = 0
    const [first, last] = [parts[0], parts.at(-1)]
    if (first === undefined || last === undefined || first === last) return undefined
    const { from, fromTime } = first.cut
    const { to, toTime, db } = last.cut
    return { parts, cut: { from, to, fromTime, toTime, db } }
  }
}
