// An alert as a rule sees it, for everything that does something with alerts.

import { hash } from 'node:crypto'
import type { LabelRecord } from './rule-file.ts'

export interface RuleAlert {
  readonly name: string
  readonly labels: LabelRecord // `alertname` among them
  readonly annotations: LabelRecord
  readonly state: 'pending' | 'firing' | 'resolved'
  readonly activeAt: number // epoch milliseconds, as all times here: since when the expression finds it
  readonly firedAt?: number | undefined
  readonly resolvedAt?: number | undefined
  readonly keepFiringSince?: number | undefined // since when the expression does not find it and it fires all the same
  readonly value: number
  readonly fingerprint: string // the same for the same labels, and only for them
}

/** A sample that a rule writes: of a recording rule, or ALERTS and ALERTS_FOR_STATE. */
export interface RuleSample {
  readonly labels: LabelRecord // with `__name__`
  readonly value: number
}

/** The same text for the same labels in any order. */
export function labelsKey(labels: LabelRecord): string {
  return Object.keys(labels)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => `${name}\u00ff${labels[name]}\u00ff`)
    .join('')
}

export function fingerprintOf(labels: LabelRecord): string {
  return hash('sha256', labelsKey(withoutEmpty(labels))).slice(0, 16)
}

/** An empty label is none. */
export function withoutEmpty(labels: LabelRecord): LabelRecord {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''))
}
