// Every attempt to tell somebody of alerts, and what came of it, so that "were we told?" has an answer.

import type { DatabaseSync } from 'node:sqlite'
import type { Guard } from './open-state.ts'
import { transaction } from './transaction.ts'

export interface Delivery {
  readonly atMs: number
  readonly notifier: string // id: slack, pagerduty
  readonly group: string // key of the group of alerts; '' for a test
  readonly kind: string // firing, escalation, repeat, acknowledged, resolved, test
  readonly alerts: number // how many alerts it was about
  readonly attempt: number // from 1
  readonly outcome: 'delivered' | 'retry' | 'refused' // refused: trying again cannot help
  readonly says: string // "200", "404 no_service", "no answer within 10 s"
  readonly tookMs: number
}

export interface Deliveries {
  list(most: number): Delivery[] // newest first
  /** Adds these and drops the oldest, so that there are never many more than `keep`. */
  add(deliveries: readonly Delivery[], keep: number): void
}

export const createDeliveries = `
  CREATE TABLE deliveries (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms    INTEGER NOT NULL,
    notifier TEXT NOT NULL,
    grouped  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    alerts   INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    says     TEXT NOT NULL,
    took_ms  INTEGER NOT NULL
  ) STRICT`

export function deliveriesOf(db: DatabaseSync, guard: Guard): Deliveries {
  const list = db.prepare('SELECT * FROM deliveries ORDER BY id DESC LIMIT ?')
  const add = db.prepare(
    `INSERT INTO deliveries (at_ms, notifier, grouped, kind, alerts, attempt, outcome, says, took_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const prune = db.prepare('DELETE FROM deliveries WHERE id <= (SELECT max(id) FROM deliveries) - ?')
  return {
    list: (most) =>
      guard('reading the deliveries in', () =>
        list.all(most).map((row) => ({
          atMs: Number(row['at_ms']),
          notifier: String(row['notifier']),
          group: String(row['grouped']),
          kind: String(row['kind']),
          alerts: Number(row['alerts']),
          attempt: Number(row['attempt']),
          outcome: String(row['outcome']) as Delivery['outcome'],
          says: String(row['says']),
          tookMs: Number(row['took_ms']),
        })),
      ),
    add: (deliveries, keep) =>
      guard('remembering deliveries in', () =>
        transaction(db, () => {
          for (const each of deliveries) {
            const { atMs, notifier, group, kind, alerts, attempt, outcome, says, tookMs } = each
            add.run(Math.round(atMs), notifier, group, kind, alerts, attempt, outcome, says, Math.round(tookMs))
          }
          prune.run(keep)
        }),
      ),
  }
}
