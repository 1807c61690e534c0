// What of alerts outlives this process, so that a restart neither forgets a page nor sends it twice. Whoever keeps it may
// fail to write (a full disk): that is said, and evaluation goes on.

import type { AlertMemory } from './alerting-rule.ts'

export interface AlertStates {
  load(): readonly { readonly rule: string; readonly alerts: readonly AlertMemory[] }[]
  aliveAtMs(): number | undefined // when the last process was last seen to evaluate
  save(rule: string, alerts: readonly AlertMemory[]): void // replaces those of the rule; none: the rule is forgotten
  alive(atMs: number): void
}

/** Without a place to keep it: nothing is remembered. */
export const forgetful: AlertStates = {
  load: () => [],
  aliveAtMs: () => undefined,
  save: () => undefined,
  alive: () => undefined,
}
