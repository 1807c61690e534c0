// Waiting for something to become true, instead of sleeping and hoping. Says what it waited for when it did not come.

import { setTimeout as sleep } from 'node:timers/promises'
import { reasonOf } from '../src/lib/fault.ts'

export interface UntilOptions {
  readonly timeoutMs?: number // 30 s when absent: generous, since nobody waits for it when all is well
  readonly everyMs?: number // 20 ms when absent
}

/** Asks again and again until the answer is neither false nor undefined; what it throws counts as "not yet". */
export async function until<T>(
  what: string,
  ask: () => Promise<T | false | undefined> | T | false | undefined,
  { timeoutMs = 30_000, everyMs = 20 }: UntilOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let last = ''
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== false && answer !== undefined) return answer
    } catch (error) {
      last = `: ${reasonOf(error)}`
    }
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${what}${last}`)
    await sleep(everyMs)
  }
}
