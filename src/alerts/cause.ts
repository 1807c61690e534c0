// Why alerts fire, as far as somebody found out. Alerts know nothing of diagnosis: it is handed in, and asked again each
// time that something is told.

import type { Alert } from './alert.ts'

export interface Causes {
  /** Milliseconds for which the first notice of this alert may still wait for its cause; 0: tell it now. */
  waitMs(alert: Alert): number
  /** Undefined: not known (yet). */
  causeOf(alert: Alert): Cause | undefined
}

/** The root cause in the words of a message. */
export interface Cause {
  readonly id: string // the same while the same is said: another one is worth telling
  readonly incident: string // what `respite incident` takes
  readonly check: string // id of the check that found it
  readonly says: string
  readonly proof: readonly string[]
  readonly not: readonly string[] // look-alikes, and what rules them out
  readonly helps: readonly string[] // actions with their risk
  readonly atRisk: readonly string[] // what would be lost now
}

/** Where nobody diagnoses. */
export const NO_CAUSES: Causes = { waitMs: () => 0, causeOf: () => undefined }
