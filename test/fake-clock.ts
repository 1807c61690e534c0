// A clock that stands still until the test moves it. Timers run in their order, and what they began gets its turn before
// the next one.

import type { Clock, Timer } from '../src/lib/clock.ts'

export class FakeClock implements Clock {
  private wallMs: number
  private steadyMs = 0
  private timers: { readonly dueAt: number; readonly run: () => void }[] = []

  constructor(startMs = 1_700_000_000_000) {
    this.wallMs = startMs
  }

  now(): number {
    return this.wallMs
  }

  monotonic(): number {
    return this.steadyMs
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { dueAt: this.steadyMs + Math.max(0, delayMs), run }
    this.timers.push(timer)
    return { stop: () => void (this.timers = this.timers.filter((other) => other !== timer)) }
  }

  async advance(byMs: number): Promise<void> {
    const end = this.steadyMs + byMs
    for (;;) {
      const [next] = this.timers.filter(({ dueAt }) => dueAt <= end).toSorted((a, b) => a.dueAt - b.dueAt)
      if (next === undefined) break
      this.timers = this.timers.filter((other) => other !== next)
      this.moveTo(Math.max(this.steadyMs, next.dueAt))
      next.run()
      await new Promise((resolve) => void setImmediate(resolve))
    }
    this.moveTo(end)
  }

  /** Somebody sets the wall clock; the monotonic one knows nothing of it. */
  set(byMs: number): void {
    this.wallMs += byMs
  }

  /** Timers that wait: with them what is under way shows. */
  get waiting(): number {
    return this.timers.length
  }

  forgetTimers(): void {
    this.timers = []
  }

  private moveTo(steadyMs: number): void {
    this.wallMs += steadyMs - this.steadyMs
    this.steadyMs = steadyMs
  }
}
