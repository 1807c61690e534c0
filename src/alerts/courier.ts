// Attempts under way: each with an end, and only a few at a time to the same notifier, so that one that never answers
// holds up nobody else, and a storm of groups does not become a storm of connections.

import type { Clock } from '../lib/clock.ts'
import { reasonOf } from '../lib/fault.ts'
import { formatDuration } from '../lib/units.ts'
import type { Notice } from './notice.ts'
import type { Outcome, Sender } from './notifier.ts'

const ATTEMPT_MS = 10_000
const AT_ONCE = 4

/** Between attempts of the same notice. */
export const WAITS = { firstMs: 1_000, longestMs: 60_000 }

export class Courier {
  readonly #clock: Clock
  readonly #busy = new Map<string, number>()
  readonly #waiting = new Map<string, (() => void)[]>()
  readonly #underWay = new Set<AbortController>()
  readonly #idle: (() => void)[] = []
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** One attempt when it is its turn; the notice is made then, so that it is not old. Never rejects. */
  async attempt(id: string, sender: Sender, make: () => Notice | undefined): Promise<Outcome | undefined> {
    await this.#turn(id)
    if (this.#closed) return undefined
    const cut = new AbortController()
    this.#underWay.add(cut)
    const why = new Error(`no answer within ${formatDuration(ATTEMPT_MS)}`)
    const timer = this.#clock.after(ATTEMPT_MS, () => cut.abort(why))
    try {
      const notice = make()
      return notice === undefined ? undefined : await Promise.race([sender.send(notice, cut), endOf(cut.signal)])
    } catch (error) {
      return { kind: 'retry', says: reasonOf(error) }
    } finally {
      timer.stop()
      this.#underWay.delete(cut)
      this.#next(id)
      if (this.#underWay.size === 0) for (const run of this.#idle.splice(0)) queueMicrotask(run)
    }
  }

  /** No further attempt begins. */
  close(): void {
    this.#closed = true
  }

  /** Runs at once when nothing is under way, and else as soon as that is so. */
  onIdle(run: () => void): void {
    if (this.#underWay.size === 0) run()
    else this.#idle.push(run)
  }

  /** Cuts whatever is under way. */
  cut(): void {
    for (const each of this.#underWay) each.abort(new Error('Respite was stopped'))
  }

  async #turn(id: string): Promise<void> {
    const busy = this.#busy.get(id) ?? 0
    if (busy < AT_ONCE) {
      this.#busy.set(id, busy + 1)
      return
    }
    await new Promise<void>((resolve) => {
      const line = this.#waiting.get(id)
      if (line === undefined) this.#waiting.set(id, [resolve])
      else line.push(resolve)
    })
  }

  #next(id: string): void {
    const next = this.#waiting.get(id)?.shift()
    if (next === undefined) this.#busy.set(id, (this.#busy.get(id) ?? 1) - 1)
    else next() // the place is handed on
  }
}

/** A notifier that does not heed its signal is left behind. */
function endOf(signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve({ kind: 'retry', says: reasonOf(signal.reason) }), { once: true })
  })
}
