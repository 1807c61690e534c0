// Many writes as one: all of them are kept or none, and the disk is waited for once.

import type { DatabaseSync } from 'node:sqlite'

export function transaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    work()
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK') // SQLite ends some failed transactions by itself
    throw error
  }
}
