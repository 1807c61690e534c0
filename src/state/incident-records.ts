// Incidents, as documents: who reads them knows their shape. One without alerts is of no interest any more and is removed.

import type { DatabaseSync } from 'node:sqlite'
import type { Guard } from './open-state.ts'
import { transaction } from './transaction.ts'

export interface IncidentRecord {
  readonly id: string
  readonly deployment: string
  readonly openedAt: number // epoch ms
  readonly alerts: readonly unknown[]
}

export interface IncidentTable {
  list(most: number): IncidentRecord[] // newest first
  put(incident: IncidentRecord): void // adds or replaces; drops the oldest beyond a thousand
}

const KEEP = 1_000

export const createIncidents = `
  CREATE TABLE incidents (
    id         TEXT PRIMARY KEY,
    deployment TEXT NOT NULL,
    opened_ms  INTEGER NOT NULL,
    document   TEXT NOT NULL
  ) STRICT`

export function incidentsOf(db: DatabaseSync, guard: Guard): IncidentTable {
  const list = db.prepare('SELECT document FROM incidents ORDER BY opened_ms DESC, id DESC LIMIT ?')
  const put = db.prepare('INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?)')
  const remove = db.prepare('DELETE FROM incidents WHERE id = ?')
  const prune = db.prepare(
    'DELETE FROM incidents WHERE id NOT IN (SELECT id FROM incidents ORDER BY opened_ms DESC, id DESC LIMIT ?)',
  )
  return {
    list: (most) =>
      guard('reading the incidents in', () =>
        list.all(most).map((row) => JSON.parse(String(row['document'])) as IncidentRecord),
      ),
    put: (incident) =>
      guard('remembering an incident in', () =>
        transaction(db, () => {
          if (incident.alerts.length === 0) remove.run(incident.id)
          else put.run(incident.id, incident.deployment, Math.round(incident.openedAt), JSON.stringify(incident))
          prune.run(KEEP)
        }),
      ),
  }
}
