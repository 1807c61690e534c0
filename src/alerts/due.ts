// Is there anything to tell this notifier of this alert now? Either what kind of news it is, or the reason why not and
// when to ask again. A pure function of what is known: it is asked to act, and asked again to explain.

import { WATCHDOG, type Alert, type Told } from './alert.ts'
import type { Acknowledgement } from '../state/acknowledgements.ts'
import type { Step } from './routes.ts'
import type { WhyNot } from './why-not.ts'

/** `diagnosed`: its cause was found, or is another one, since it was told. */
export type NewsKind = 'firing' | 'escalation' | 'diagnosed' | 'repeat' | 'acknowledged' | 'resolved'

export type Verdict =
  | { readonly news: NewsKind; readonly why?: undefined }
  | { readonly news?: undefined; readonly why: WhyNot; readonly again?: number | undefined } // steady time

/** What of the traits of a notifier decides. */
export interface Ears {
  readonly people: boolean
  readonly acknowledges: boolean
  readonly repeatMs: number
}

export interface Question {
  readonly alert: Alert
  readonly notifier: string
  readonly ears: Ears
  readonly steps: readonly Step[] | undefined
  readonly muted: WhyNot | undefined
  readonly ack: Acknowledgement | undefined // in force
  readonly waitMs: number // for which it may still wait for its cause
  readonly cause: string | undefined // id of its cause, as far as it is known
  readonly othersFire: boolean // of its group, and the notifier knows of them
  readonly lastSentAt: number // to this notifier about this group
  readonly nowMs: number // steady
}

const GATHER_MS = 60_000 // people hear of the end of some alerts of a group at most this often

export function verdictOf(question: Question): Verdict {
  const { alert, notifier, ears, muted, steps } = question
  const told = alert.told[notifier]
  if (alert.life.state === 'resolved') return ended(question, told)
  if (alert.life.state === 'pending') return { why: 'pending' }
  if (muted !== undefined) return { why: muted }
  if (alert.name === WATCHDOG && ears.people) return { why: 'watchdog' }
  const step = steps?.find((each) => each.notifier === notifier)
  if (step === undefined) return { why: 'no-route' }
  if (told?.refusedAt !== undefined && question.nowMs - told.refusedAt < ears.repeatMs)
    return { why: 'refused', again: told.refusedAt + ears.repeatMs }
  return told?.firing === true ? again(question, told) : first(question, step)
}

function ended({ ears, othersFire, lastSentAt, nowMs }: Question, told: Told | undefined): Verdict {
  // `tried`: it began to fire and ended while nobody could be reached; that must not be lost.
  if (told?.firing !== true && told?.tried !== true) return { why: 'never-told' }
  const waits = ears.people && othersFire && nowMs - lastSentAt < GATHER_MS
  return waits ? { why: 'waits-for-more', again: lastSentAt + GATHER_MS } : { news: 'resolved' }
}

function first({ alert, steps, ack, nowMs, waitMs }: Question, { rung, afterMs }: Step): Verdict {
  if (alert.life.state === 'calming') return { why: 'flapping', again: alert.life.calmUntil }
  if (ack !== undefined) return { why: 'acknowledged' }
  // A rung that cannot be told at all is no reason to wait.
  const before = (steps ?? []).filter((each) => each.rung < rung)
  const unheard = before.length > 0 && before.every(({ notifier }) => alert.told[notifier]?.refusedAt !== undefined)
  const due = (alert.dueSince ?? nowMs) + (unheard ? 0 : afterMs)
  if (nowMs < due) return { why: 'not-yet-escalated', again: due }
  if (waitMs > 0) return { why: 'awaits-diagnosis', again: nowMs + waitMs }
  return { news: rung === 0 ? 'firing' : 'escalation' }
}

function again({ alert, ears, ack, cause, nowMs }: Question, told: Told): Verdict {
  if (ack !== undefined) {
    const news = ears.acknowledges && told.ackAt !== ack.atMs
    return news ? { news: 'acknowledged' } : { why: 'acknowledged' }
  }
  if (alert.life.state === 'calming') return { why: 'flapping', again: alert.life.calmUntil }
  if (cause !== undefined && cause !== told.cause) {
    const next = told.cause === undefined ? nowMs : told.at + GATHER_MS // another cause again is not told at once
    if (nowMs >= next) return { news: 'diagnosed' }
    return { why: 'already-told', again: next }
  }
  const due = told.at + ears.repeatMs
  return nowMs >= due ? { news: 'repeat' } : { why: 'already-told', again: due }
}
