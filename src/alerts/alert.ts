// What an alert is here. Rules hand it in, Prometheus may post one over HTTP; from then on it is one
// `Alert` with its life and with what each notifier was told of it. Two alerts with the same labels are the same alert.

import type { Life } from './alert-life.ts'

export type Labels = Readonly<Record<string, string>>

export interface Alert {
  readonly fingerprint: string
  readonly name: string
  readonly labels: Labels // `alertname` among them
  readonly annotations: Labels
  readonly value: number
  readonly source: 'rules' | 'api'
  readonly generatorUrl: string // '' for none
  readonly life: Life
  readonly endsAt?: number | undefined // of one from the API: over by then unless it is posted again
  readonly unheardUntil?: number | undefined // remembered over a restart, and no rule has spoken of it yet
  readonly dueSince?: number | undefined // since when it fires and nothing holds it back; escalation counts from here
  readonly told: Readonly<Record<string, Told>> // by id of the notifier
}

/** What one notifier was told of one alert. */
export interface Told {
  readonly firing: boolean // it was told that it fires, and not yet that it ended
  readonly firstAt: number
  readonly at: number
  readonly ackAt?: number | undefined // of the acknowledgement that it was told of
  readonly cause?: string | undefined // id of the cause that it was told of
  readonly tried?: boolean | undefined // an attempt was begun that has not reached it
  readonly refusedAt?: number | undefined // the last attempt met an answer that no further attempt can change
}

export type Severity = 'critical' | 'warning' | 'info'

/** How bad it is: what the rule's label `severity` says; everything that is none of our words is a warning. */
export function severityOf({ severity }: Labels): Severity {
  if (severity === 'critical' || severity === 'page' || severity === 'error') return 'critical'
  return severity === 'info' || severity === 'none' ? 'info' : 'warning'
}

const RANK: Readonly<Record<Severity, number>> = { critical: 2, warning: 1, info: 0 }

export const severityRank = (labels: Labels): number => RANK[severityOf(labels)]

/** Always fires: its absence says that nothing is evaluated or nothing arrives. */
export const WATCHDOG = 'Watchdog'
