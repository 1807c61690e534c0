// Every alert that is not over and told yet, and who was told what of it: how a restart neither forgets an alert nor
// tells it twice. What is in a record only alerts/ knows; here it is text.

import type { DatabaseSync } from 'node:sqlite'
import type { Guard } from './open-state.ts'
import { transaction } from './transaction.ts'

export interface AlertRecord {
  readonly fingerprint: string
  readonly record: string // JSON
}

export interface AlertRecords {
  list(): AlertRecord[] // by fingerprint
  /** Adds or replaces the first, drops the second, as one. */
  change(put: readonly AlertRecord[], remove: readonly string[]): void
}

export const createAlertRecords = `
  CREATE TABLE alert_records (
    fingerprint TEXT PRIMARY KEY,
    record      TEXT NOT NULL
  ) STRICT`

export function alertRecordsOf(db: DatabaseSync, guard: Guard): AlertRecords {
  const list = db.prepare('SELECT fingerprint, record FROM alert_records ORDER BY fingerprint')
  const put = db.prepare(
    `INSERT INTO alert_records (fingerprint, record) VALUES (?, ?)
     ON CONFLICT DO UPDATE SET record = excluded.record`,
  )
  const remove = db.prepare('DELETE FROM alert_records WHERE fingerprint = ?')
  return {
    list: () =>
      guard('reading the alerts in', () =>
        list.all().map((row) => ({ fingerprint: String(row['fingerprint']), record: String(row['record']) })),
      ),
    change: (records, gone) =>
      guard('remembering alerts in', () =>
        transaction(db, () => {
          for (const { fingerprint, record } of records) put.run(fingerprint, record)
          for (const fingerprint of gone) remove.run(fingerprint)
        }),
      ),
  }
}
