// Silences: alerts with these labels are not told from one moment to another, because somebody said so.

import type { DatabaseSync } from 'node:sqlite'
import type { Guard } from './open-state.ts'

/** As Alertmanager's API has it; a regular expression matches the whole value. */
export interface SilenceMatcher {
  readonly name: string
  readonly value: string
  readonly isRegex: boolean
  readonly isEqual: boolean // false: matches what does not match
}

export interface Silence {
  readonly id: string
  readonly matchers: readonly SilenceMatcher[] // all must match
  readonly startsAtMs: number
  readonly endsAtMs: number
  readonly updatedAtMs: number
  readonly createdBy: string
  readonly comment: string
}

export interface Silences {
  list(): Silence[] // those that end last go first
  put(silence: Silence): void // adds or replaces
  removeEndedBefore(ms: number): void
}

export const createSilences = `
  CREATE TABLE silences (
    id            TEXT PRIMARY KEY,
    matchers      TEXT NOT NULL,
    starts_at_ms  INTEGER NOT NULL,
    ends_at_ms    INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    created_by    TEXT NOT NULL,
    comment       TEXT NOT NULL
  ) STRICT`

export function silencesOf(db: DatabaseSync, guard: Guard): Silences {
  const list = db.prepare('SELECT * FROM silences ORDER BY ends_at_ms DESC, id')
  const put = db.prepare('INSERT OR REPLACE INTO silences VALUES (?, ?, ?, ?, ?, ?, ?)')
  const remove = db.prepare('DELETE FROM silences WHERE ends_at_ms < ?')
  return {
    list: () =>
      guard('reading the silences in', () =>
        list.all().map((row) => ({
          id: String(row['id']),
          matchers: JSON.parse(String(row['matchers'])) as SilenceMatcher[],
          startsAtMs: Number(row['starts_at_ms']),
          endsAtMs: Number(row['ends_at_ms']),
          updatedAtMs: Number(row['updated_at_ms']),
          createdBy: String(row['created_by']),
          comment: String(row['comment']),
        })),
      ),
    put: ({ id, matchers, startsAtMs, endsAtMs, updatedAtMs, createdBy, comment }) =>
      guard('remembering a silence in', () => {
        const times = [startsAtMs, endsAtMs, updatedAtMs].map(Math.round)
        put.run(id, JSON.stringify(matchers), ...times, createdBy, comment)
      }),
    removeEndedBefore: (ms) => guard('forgetting silences in', () => void remove.run(Math.round(ms))),
  }
}
