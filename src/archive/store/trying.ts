// Attempts at a store, each with an end, repeated while that may help. The libraries of the clouds repeat nothing of
// their own accord here, so that what is counted and waited for is all there is.

import { waitAfter, withJitter } from '../../lib/backoff.ts'
import type { Clock, Timer } from '../../lib/clock.ts'
import { Fault, reasonOf } from '../../lib/fault.ts'
import { formatDuration } from '../../lib/units.ts'
import type { Attempts, Failure } from './storage-unit.ts'

const WAITS = { firstMs: 250, longestMs: 4_000 }
const LONGEST_ASKED_MS = 30_000 // whoever asks to be left alone for longer is asked again then
const ANSWER_MS = 30_000
const SLOWEST_BYTES_PER_MS = 32 // a line that is slower counts as broken

/** How long one attempt may take that moves so many bytes. */
export function limitMs(bytes = 0): number {
  return ANSWER_MS + bytes / SLOWEST_BYTES_PER_MS
}

/** How long nothing at all may come of a body that is being read. */
export const STALL_MS = 30_000

export interface Task<T> {
  readonly doing: string // of the Fault: "storing"
  readonly key: string // '' for the store itself
  readonly limitMs: number
  /** `attempt` counts from 1. The signal is aborted when the time is over or the store is closed. */
  run(signal: AbortSignal, attempt: number): Promise<T>
}

export class Trying {
  readonly #attempts: Attempts
  readonly #clock: Clock
  readonly #shown: string
  readonly #closed = new AbortController()

  constructor(attempts: Attempts, clock: Clock, shown: string) {
    this.#attempts = attempts
    this.#clock = clock
    this.#shown = shown
  }

  /** Cuts what is under way; nothing begins any more. */
  close(): void {
    this.#closed.abort(new Error('the store was closed'))
  }

  /** Tries until it succeeds, may not be repeated, or has been tried often enough. Throws a Fault. */
  async keepTrying<T>(task: Task<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await this.within(task.limitMs, (signal) => task.run(signal, attempt))
      } catch (error) {
        const failure = this.explain(error)
        if (!this.mayRepeat(failure, attempt)) throw this.faultOf(task, failure, attempt)
        await this.pause(attempt, failure)
      }
  }

  /** Whether there is another attempt after that many. */
  mayRepeat(failure: Failure, attempt: number): boolean {
    return failure.kind === 'again' && attempt < this.#attempts.tries && !this.#closed.signal.aborted
  }

  async pause(attempt: number, { afterMs = 0 }: Failure): Promise<void> {
    const waitMs = withJitter(waitAfter(attempt, WAITS, Math.min(2 * afterMs, LONGEST_ASKED_MS)))
    await this.within(waitMs * 2, (signal) => this.#sleep(waitMs, signal)).catch(() => undefined) // closed: the next attempt says so
  }

  /** One attempt, which ends in time also when what runs in it does not heed its signal. */
  async within<T>(limit: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const cut = new AbortController()
    const onClose = (): void => cut.abort(this.#closed.signal.reason)
    if (this.#closed.signal.aborted) onClose()
    this.#closed.signal.addEventListener('abort', onClose, { once: true })
    const tooLong = new Interrupted(`no answer within ${formatDuration(limit)}`)
    const timer = this.#clock.after(limit, () => cut.abort(tooLong))
    try {
      cut.signal.throwIfAborted()
      return await Promise.race([run(cut.signal), endOf(cut.signal)])
    } catch (error) {
      throw cut.signal.aborted ? cut.signal.reason : error
    } finally {
      timer.stop()
      this.#closed.signal.removeEventListener('abort', onClose)
    }
  }

  explain(error: unknown): Failure {
    if (this.#closed.signal.aborted) return { kind: 'later', why: 'it was closed' }
    if (error instanceof Interrupted)
      return { kind: 'again', why: error.message, hint: 'Look at the network and at the store.' }
    if (error instanceof Fault) return { kind: error.retryable ? 'later' : 'never', why: error.why, hint: error.hint }
    return this.#attempts.explain(error)
  }

  /**
   * What a person is told. The error of a library is not kept as the cause: it holds the request, with its signature and,
   * at Azure, whatever stands behind the `?` of an address.
   */
  faultOf({ doing, key }: { doing: string; key: string }, failure: Failure, attempt = 1): Fault {
    const { kind, why, hint } = failure
    return new Fault({
      doing,
      target: key === '' ? this.#shown : `${this.#shown}/${key}`,
      why: attempt > 1 ? `${why} (tried ${attempt} times)` : why,
      hint,
      retryable: kind === 'again' || kind === 'later',
    })
  }

  #sleep(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer: Timer = this.#clock.after(waitMs, resolve)
      signal.addEventListener('abort', () => timer.stop(), { once: true })
    })
  }
}

/** An end that we saw or made ourselves; the same may go well in a moment. */
export class Interrupted extends Error {}

function endOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error(reasonOf(signal.reason)))
    signal.addEventListener('abort', end, { once: true })
  })
}
