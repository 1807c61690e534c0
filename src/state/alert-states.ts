// What rules found and how long ago, kept over a restart: an alert that was firing goes on, one that was pending goes on
// waiting. Beside it one moment: when rules were last seen to be evaluated, which says how long nobody looked.

import type { DatabaseSync } from 'node:sqlite'
import type { Guard } from './open-state.ts'
import { transaction } from './transaction.ts'

type Labels = Readonly<Record<string, string>>

export interface AlertState {
  readonly labels: Labels
  readonly annotations: Labels
  readonly state: 'pending' | 'firing'
  readonly value: number
  readonly activeAtMs: number
  readonly firedAtMs: number | undefined
  readonly keepFiringSinceMs: number | undefined // not found since then, and goes on firing for a time
}

export interface AlertStates {
  load(): { rule: string; alerts: AlertState[] }[]
  aliveAtMs(): number | undefined // undefined: no rule was ever evaluated
  save(rule: string, alerts: readonly AlertState[]): void // replaces those of the rule; none: the rule is forgotten
  alive(atMs: number): void
}

export const createAlertStates = `
  CREATE TABLE alert_states (
    rule                 TEXT NOT NULL,
    labels               TEXT NOT NULL, -- JSON, as the next one
    annotations          TEXT NOT NULL,
    state                TEXT NOT NULL,
    value                TEXT NOT NULL, -- a number as text: SQLite has no NaN
    active_at_ms         INTEGER NOT NULL,
    fired_at_ms          INTEGER,
    keep_firing_since_ms INTEGER,
    PRIMARY KEY (rule, labels)
  ) STRICT;
  CREATE TABLE rules_alive (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    at_ms    INTEGER NOT NULL
  ) STRICT`

export function alertStatesOf(db: DatabaseSync, guard: Guard): AlertStates {
  const load = db.prepare('SELECT * FROM alert_states ORDER BY rule, labels')
  const remove = db.prepare('DELETE FROM alert_states WHERE rule = ?')
  const insert = db.prepare('INSERT INTO alert_states VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  const aliveAt = db.prepare('SELECT at_ms FROM rules_alive')
  const alive = db.prepare('INSERT OR REPLACE INTO rules_alive VALUES (1, ?)')
  return {
    load: () =>
      guard('reading the alerts in', () => {
        const byRule = new Map<string, AlertState[]>()
        for (const row of load.all()) {
          const rule = String(row['rule'])
          const alerts = byRule.get(rule) ?? []
          byRule.set(rule, alerts)
          alerts.push(alertOf(row))
        }
        return [...byRule].map(([rule, alerts]) => ({ rule, alerts }))
      }),
    aliveAtMs: () => guard('reading the alerts in', () => optional(aliveAt.get()?.['at_ms'])),
    save: (rule, alerts) =>
      guard('remembering the alerts in', () =>
        transaction(db, () => {
          remove.run(rule)
          for (const alert of alerts) insert.run(rule, ...columnsOf(alert))
        }),
      ),
    alive: (atMs) => guard('remembering the alerts in', () => void alive.run(Math.round(atMs))),
  }
}

function columnsOf(alert: AlertState): (string | number | null)[] {
  const { labels, annotations, state, value, activeAtMs, firedAtMs, keepFiringSinceMs } = alert
  const time = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms))
  return [
    JSON.stringify(labels),
    JSON.stringify(annotations),
    state,
    String(value),
    Math.round(activeAtMs),
    time(firedAtMs),
    time(keepFiringSinceMs),
  ]
}

function alertOf(row: Record<string, unknown>): AlertState {
  return {
    labels: JSON.parse(String(row['labels'])) as Labels,
    annotations: JSON.parse(String(row['annotations'])) as Labels,
    state: row['state'] === 'firing' ? 'firing' : 'pending',
    value: Number(row['value']),
    activeAtMs: Number(row['active_at_ms']),
    firedAtMs: optional(row['fired_at_ms']),
    keepFiringSinceMs: optional(row['keep_firing_since_ms']),
  }
}

function optional(column: unknown): number | undefined {
  return column === null || column === undefined ? undefined : Number(column)
}
