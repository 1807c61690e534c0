// An incident: the alerts of one deployment that have one cause, from the first that is pending until the last is over,
// with what was found and what happened meanwhile. Plain data; incidents.ts makes them live.

import type { CouldNotLook } from '../fleet/server.ts'
import type { Happening } from './chronicle.ts'
import type { Finding } from './diagnose.ts'
import type { Undecided } from './check.ts'

export interface IncidentAlert {
  readonly fingerprint: string
  readonly name: string
  readonly severity: string
  readonly server: string | undefined
  readonly summary: string
  readonly state: 'pending' | 'firing' | 'resolved'
  readonly activeAt: number // epoch ms, as all times
  readonly firedAt?: number | undefined
  readonly resolvedAt?: number | undefined
}

export interface Incident {
  readonly id: string // "orders-20260102-030405"
  readonly deployment: string
  readonly openedAt: number
  readonly closedAt?: number | undefined
  readonly alerts: readonly IncidentAlert[]
  readonly cause?: string | undefined // `check on server` of the root, as soon as it is known
  readonly findings: readonly Finding[] // the worst that was found, root first; kept when it is mended
  readonly undecided: readonly Undecided[]
  readonly atRisk: readonly string[] // when it was found
  readonly couldNotLook: readonly CouldNotLook[]
  readonly diagnosedAt?: number | undefined // epoch ms, of the last diagnosis
  readonly timeline: readonly Happening[] // oldest first
}

/** "orders-20260102-030405": sorts by time, can be typed, and is no path. */
export function incidentId(deployment: string, openedAt: number, taken: (id: string) => boolean): string {
  const [day = '', time = ''] = new Date(openedAt).toISOString().split('T')
  const stem = `${deployment.replaceAll(/[^\w.-]/g, '_')}-${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`
  for (let at = 1; ; at += 1) {
    const id = at === 1 ? stem : `${stem}-${at}`
    if (!taken(id)) return id
  }
}

/** The root that accounts for an alert: one that names it on its server, else one that names it, else the only fault. */
export function causeOfAlert(
  findings: readonly Finding[],
  { name, server }: Pick<IncidentAlert, 'name' | 'server'>,
): Finding | undefined {
  const roots = findings.filter(({ root }) => root)
  const naming = roots.filter(({ explains }) => explains.includes(name))
  return (
    naming.find((one) => one.server === server) ??
    naming[0] ??
    (roots.length === 1 && roots[0]?.kind === 'fault' ? roots[0] : undefined)
  )
}

export const keyOf = ({ check, server }: Finding): string => `${check} on ${server}`
