// A notifier is one file in notifiers/; its name is its key under `notify:` and its word in routes. It turns a notice
// into one attempt on the outside world and says what came of it; when to try, how often and what is new is not its
// business.

import { fileURLToPath } from 'node:url'
import { Fault } from '../lib/fault.ts'
import { loadUnits } from '../lib/load-units.ts'
import type { Notice } from './notice.ts'
import type { NotifierSettings } from './settings.ts'

export type Outcome =
  | { readonly kind: 'delivered'; readonly says: string }
  | { readonly kind: 'retry'; readonly says: string; readonly afterMs?: number | undefined } // not before that
  | { readonly kind: 'refused'; readonly says: string } // the same again meets the same answer

/** One attempt. Never throws for what the other side does; a secret never stands in `says`. */
export type Send = (notice: Notice, attempt: { readonly signal: AbortSignal }) => Promise<Outcome>

export interface Notifier {
  readonly tells: string // one line: whom it reaches
  readonly people: boolean // no: a machine, which is told every change at once and of the watchdog too
  readonly acknowledges: boolean // can it say that somebody acknowledged
  readonly repeatMs?: number | undefined // how often a firing alert is told again; 4 h when absent
  /** Takes what it needs of the settings. Throws a Fault when that is missing. Opens no connection yet. */
  open(settings: NotifierSettings): Send
}

function isNotifier(value: unknown): value is Notifier {
  const unit = value as Partial<Notifier> | undefined
  return (
    typeof unit?.tells === 'string' &&
    typeof unit.open === 'function' &&
    typeof unit.people === 'boolean' &&
    typeof unit.acknowledges === 'boolean'
  )
}

export interface Sender extends Omit<Notifier, 'open'> {
  readonly send: Send
}

const FOLDER = fileURLToPath(new URL('notifiers', import.meta.url))

/** Those that are configured, by id; the code of the others is not loaded. Throws a Fault. */
export async function openNotifiers(
  settings: ReadonlyMap<string, NotifierSettings>,
  folder: string = FOLDER,
): Promise<Map<string, Sender>> {
  const senders = new Map<string, Sender>()
  for (const [id, given] of settings) {
    const unit = (await loadUnits(folder, isNotifier, id)).get(id)
    if (unit === undefined) throw missing('a file of that name in notifiers/', id)
    const { tells, people, acknowledges, repeatMs } = unit
    senders.set(id, { tells, people, acknowledges, repeatMs, send: unit.open(given) })
  }
  return senders
}

/** For a notifier whose settings lack something. */
export function missing(what: string, notifier: string): Fault {
  return new Fault({
    doing: 'opening the notifier',
    target: notifier,
    why: `there is no ${what}`,
    hint: `See notify.${notifier} in docs/configuration.md.`,
    exit: 64,
    retryable: false,
  })
}
