// How long answers are waited for. All questions of a connection are given the same time and are answered in the order
// in which they were sent, so one alarm, set for the oldest, is enough; it is not touched when an answer comes, which is
// what makes a question cheap.

import type { Timer } from '../lib/clock.ts'
import { startAlarm } from '../lib/alarm.ts'

interface Wait {
  isOver: boolean // the answer came; whoever waits sets it
}

interface Waiting extends Wait {
  readonly until: number // by performance.now()
  readonly onLate: () => void
}

export class Patience {
  readonly #forMs: number
  readonly #waiting: Waiting[] = [] // oldest first
  #alarm: Timer | undefined

  constructor(forMs: number) {
    this.#forMs = forMs
  }

  /** Calls `onLate` when the time has run out before the wait is over. */
  begin(onLate: () => void): Wait {
    while (this.#waiting[0]?.isOver === true) this.#waiting.shift()
    const wait = { isOver: false, until: performance.now() + this.#forMs, onLate }
    this.#waiting.push(wait)
    this.#alarm ??= startAlarm(this.#forMs, () => this.#look())
    return wait
  }

  /** Nobody is told any more. */
  stop(): void {
    this.#alarm?.stop()
  }

  #look(): void {
    this.#alarm = undefined
    const now = performance.now()
    for (let oldest = this.#waiting[0]; oldest !== undefined; oldest = this.#waiting[0]) {
      if (!oldest.isOver && oldest.until > now) {
        this.#alarm = startAlarm(Math.ceil(oldest.until - now), () => this.#look())
        return
      }
      this.#waiting.shift()
      if (!oldest.isOver) oldest.onLate()
    }
  }
}
