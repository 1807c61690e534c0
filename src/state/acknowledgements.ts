// Acknowledgements: somebody works on this alert, so it is neither repeated nor escalated until then.

import type { DatabaseSync } from 'node:sqlite'
import type { Guard } from './open-state.ts'

export interface Acknowledgement {
  readonly fingerprint: string // of the alert
  readonly by: string
  readonly comment: string // '' for none
  readonly atMs: number
  readonly untilMs: number
}

export interface Acknowledgements {
  list(): Acknowledgement[] // by fingerprint
  put(acknowledgement: Acknowledgement): void // one for each alert: the newest
  remove(fingerprint: string): void
}

export const createAcknowledgements = `
  CREATE TABLE acknowledgements (
    fingerprint     TEXT PRIMARY KEY,
    acknowledged_by TEXT NOT NULL,
    comment         TEXT NOT NULL,
    at_ms           INTEGER NOT NULL,
    until_ms        INTEGER NOT NULL
  ) STRICT`

export function acknowledgementsOf(db: DatabaseSync, guard: Guard): Acknowledgements {
  const list = db.prepare('SELECT * FROM acknowledgements ORDER BY fingerprint')
  const put = db.prepare('INSERT OR REPLACE INTO acknowledgements VALUES (?, ?, ?, ?, ?)')
  const remove = db.prepare('DELETE FROM acknowledgements WHERE fingerprint = ?')
  return {
    list: () =>
      guard('reading the acknowledgements in', () =>
        list.all().map((row) => ({
          fingerprint: String(row['fingerprint']),
          by: String(row['acknowledged_by']),
          comment: String(row['comment']),
          atMs: Number(row['at_ms']),
          untilMs: Number(row['until_ms']),
        })),
      ),
    put: ({ fingerprint, by, comment, atMs, untilMs }) =>
      guard('remembering an acknowledgement in', () => {
        put.run(fingerprint, by, comment, Math.round(atMs), Math.round(untilMs))
      }),
    remove: (fingerprint) => guard('forgetting an acknowledgement in', () => void remove.run(fingerprint)),
  }
}
