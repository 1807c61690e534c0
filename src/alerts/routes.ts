// Who is told of an alert, and when: the first route whose labels match. With `escalateAfter` the first of `to` is told
// at once, the next after that time, and so on, until somebody acknowledges; without it all are told at once.

import type { Labels } from './alert.ts'
import type { Route } from './settings.ts'

export interface Step {
  readonly notifier: string
  readonly rung: number // 0 is told at once
  readonly afterMs: number // since it fires and nothing holds it back
}

/** Undefined: no route matches. */
export function stepsFor(labels: Labels, routes: readonly Route[], notifiers: Iterable<string>): Step[] | undefined {
  if (routes.length === 0) return [...notifiers].map((notifier) => ({ notifier, rung: 0, afterMs: 0 }))
  const route = routes.find(({ match }) => Object.entries(match).every(([name, value]) => labels[name] === value))
  return route?.to.map((notifier, at) => ({
    notifier,
    rung: route.escalateAfterMs === undefined ? 0 : at,
    afterMs: at * (route.escalateAfterMs ?? 0),
  }))
}
