// What holds an alert back from everybody: a silence, maintenance, a deeper cause, known or to be known in a moment. Made anew for each look at all alerts,
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
  readonly alerts: readonly Alert[] // all that there are
  readonly topology: Topology
  readonly silencing: (labels: Labels) => readonly string[]
  readonly maintenance: readonly MaintenanceWindow[]
  readonly settling: (alert: Alert) => boolean // a deeper cause may show as soon as the topology is known
  readonly wallMs: number
}

export function mutingBy({
  alerts,
  topology,
  silencing,
  maintenance,
  settling,
  wallMs,
}: MutingParts): (alert: Alert) => Muted {
  const causes = alerts.filter((alert) => fires(alert) || hasJustEnded(alert, wallMs))
  const inhibitorsOf = inhibitorsAmong(causes, topology)
  const open = maintenance.filter(({ fromMs, toMs }) => fromMs <= wallMs && wallMs < toMs)
  return (alert) => {
    const silencedBy = silencing(alert.labels)
    const inhibitors = inhibitorsOf(alert)
    const inhibitedBy = inhibitors.filter(fires).map(({ fingerprint }) => fingerprint)
    const isRecovering = inhibitors.some(({ life }) => (alert.life.firedAt ?? wallMs) <= (life.resolvedAt ?? 0))
    const window = open.find(({ deployment }) => deployment === undefined || deployment === alert.labels['deployment'])
    const why =
      silencedBy.length > 0
        ? 'silenced'
        : window !== undefined
          ? 'maintenance'
          : inhibitedBy.length > 0
            ? 'inhibited'
            : isRecovering
              ? 'recovering'
              : settling(alert)
                ? 'settling'
                : undefined
    return { why, silencedBy, inhibitedBy, maintenance: window }
  }
}

const fires = ({ life }: Alert): boolean => life.state === 'firing' || life.state === 'calming'

const RECOVERY_MS = 30_000 // a link that comes up again, a sample of it, an evaluation

/** What fired because of it is about to end too. Nothing has just ended by a clock that was set back. */
function hasJustEnded({ life }: Alert, wallMs: number): boolean {
  const agoMs = wallMs - (life.resolvedAt ?? -Infinity)
  return life.state === 'resolved' && agoMs >= 0 && agoMs < RECOVERY_MS
}

/** When the next window opens or closes, by the clock on the wall. */
export function nextWindowChange(maintenance: readonly MaintenanceWindow[], wallMs: number): number {
  return maintenance
    .flatMap(({ fromMs, toMs }) => [fromMs, toMs])
    .filter((ms) => ms > wallMs)
    .reduce((a, b) => Math.min(a, b), Infinity)
}
