// What holds an alert back from everybody: a silence, maintenance, a deeper cause. Made anew for each look at all alerts,
// so that none of them is seen by another's past.

import type { Alert, Labels } from './alert.ts'
import { inhibitorsAmong, type Topology } from './inhibition.ts'
import type { MaintenanceWindow } from './settings.ts'
import type { WhyNot } from './why-not.ts'

export interface Muted {
  readonly why: WhyNot | undefined // undefined: nothing holds it back
  readonly silencedBy: readonly string[] // ids of silences
  readonly inhibitedBy: readonly string[] // fingerprints of alerts
  readonly maintenance: MaintenanceWindow | undefined
}

export interface MutingParts {
  readonly firing: readonly Alert[]
  readonly topology: Topology
  readonly silencing: (labels: Labels) => readonly string[]
  readonly maintenance: readonly MaintenanceWindow[]
  readonly wallMs: number
}

export function mutingBy({ firing, topology, silencing, maintenance, wallMs }: MutingParts): (alert: Alert) => Muted {
  const inhibitorsOf = inhibitorsAmong(firing, topology)
  const open = maintenance.filter(({ fromMs, toMs }) => fromMs <= wallMs && wallMs < toMs)
  return (alert) => {
    const silencedBy = silencing(alert.labels)
    const inhibitedBy = inhibitorsOf(alert)
    const window = open.find(({ deployment }) => deployment === undefined || deployment === alert.labels['deployment'])
    const why =
      silencedBy.length > 0
        ? 'silenced'
        : window !== undefined
          ? 'maintenance'
          : inhibitedBy.length > 0
            ? 'inhibited'
            : undefined
    return { why, silencedBy, inhibitedBy, maintenance: window }
  }
}

/** When the next window opens or closes, by the clock on the wall. */
export function nextWindowChange(maintenance: readonly MaintenanceWindow[], wallMs: number): number {
  return maintenance
    .flatMap(({ fromMs, toMs }) => [fromMs, toMs])
    .filter((ms) => ms > wallMs)
    .reduce((a, b) => Math.min(a, b), Infinity)
}
