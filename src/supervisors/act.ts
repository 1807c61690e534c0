// The acting side of a supervisor: it ends a server, starts it, and puts other files into its data directory meanwhile. Only
// mitigation/ and restore/ may reach it (test/layers.test.ts); whether it is allowed and wise, they decide.

import { fileURLToPath } from 'node:url'
import { loadUnits } from '../lib/load-units.ts'
import { parseSupervisor, type Surroundings } from './supervisor.ts'

export interface Acting {
  readonly shown: string // `docker:orders`
  /**
   * Asks the server to end, as SIGTERM does: it saves if it is configured to. Resolves when it runs no more; at once when it
   * did not run. It is never killed: a Fault says that it still runs when `withinMs` is over (10 minutes when absent).
   */
  stop(options?: { readonly withinMs?: number }): Promise<void>
  /**
   * Starts it. Resolves when its process runs, which is before it answers; at once when it runs already. A Fault when it
   * ends again within a second, and where it cannot be known how it was started.
   */
  start(): Promise<void>
}

export interface ActingUnit {
  readonly actsOn: string // one line for the documentation
  open(name: string, around: ActingSurroundings): Acting
}

export interface ActingSurroundings extends Surroundings {
  /** How a `process:` was started, which it does not say itself: INFO executable and config_file. */
  readonly startedAs?: { readonly executable: string; readonly configFile: string } | undefined
}

function isActingUnit(value: unknown): value is ActingUnit {
  const unit = value as Partial<ActingUnit> | undefined
  return typeof unit?.actsOn === 'string' && typeof unit.open === 'function'
}

const ACTING = fileURLToPath(new URL('acting', import.meta.url))

export const STOP_WITHIN_MS = 600_000 // a server of many gigabytes saves before it ends

/** Opens the acting side of `docker:orders`. Throws a Fault (exit 64) for what is no supervisor. */
export async function openActing(supervisor: string, around: ActingSurroundings = process): Promise<Acting> {
  const { kind, name } = await parseSupervisor(supervisor, ACTING)
  const unit = (await loadUnits(ACTING, isActingUnit, kind)).get(kind)
  if (unit === undefined) throw new Error(`${kind} was listed a moment ago`)
  return unit.open(name, around)
}
