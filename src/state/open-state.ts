// Our own memory between two starts: one SQLite file in the data folder, readable by its owner alone. Each table has a
// file of its own here; this one opens, migrates and closes.
//
// A file that is damaged, or written by a newer Respite, is never changed or replaced: opening it is a Fault, and what
// it holds stays for whoever can read it. A failed write (a full disk) is a Fault of that write alone.

import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Fault, reasonOf } from '../lib/fault.ts'
import { acknowledgementsOf, createAcknowledgements, type Acknowledgements } from './acknowledgements.ts'
import { alertRecordsOf, createAlertRecords, type AlertRecords } from './alert-records.ts'
import { alertStatesOf, createAlertStates, type AlertStates } from './alert-states.ts'
import { createDeliveries, deliveriesOf, type Deliveries } from './deliveries.ts'
import { createExpectedServers, expectedServersOf, type ExpectedServers } from './expected-servers.ts'
import { createIncidents, incidentsOf, type IncidentTable } from './incident-records.ts'
import { createSilences, silencesOf, type Silences } from './silences.ts'

export interface State {
  readonly expectedServers: ExpectedServers
  readonly alertRecords: AlertRecords
  readonly alertStates: AlertStates
  readonly silences: Silences
  readonly acknowledgements: Acknowledgements
  readonly deliveries: Deliveries
  readonly incidents: IncidentTable
  close(): void
}

/** Runs work on the database; what SQLite throws comes out as a Fault with a hint. */
export type Guard = <T>(doing: string, work: () => T) => T

const FILE = 'respite.db'

// Only ever appended to. The number of the last one that ran is `PRAGMA user_version`.
const MIGRATIONS: readonly string[] = [
  createExpectedServers,
  createAlertRecords,
  createSilences,
  createAcknowledgements,
  createDeliveries,
  createAlertStates,
  createIncidents,
]

/** Opens the state in a folder, which is made when it is missing; `:memory:` keeps nothing. Throws a Fault. */
export function openState(dataDir: string): State {
  if (dataDir === ':memory:') return stateOf(new DatabaseSync(':memory:'), ':memory:')
  const file = join(dataDir, FILE)
  const db = guardOf(file)('opening', () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    closeSync(openSync(file, 'a', 0o600)) // SQLite would make it readable by everybody
    chmodSync(file, 0o600)
    return new DatabaseSync(file, { timeout: 0 })
  })
  try {
    return stateOf(db, file)
  } catch (error) {
    db.close()
    throw error
  }
}

/** The state on a database that is open already. */
export function stateOf(db: DatabaseSync, file: string): State {
  const guard = guardOf(file)
  guard('opening', () => {
    // Held for as long as we run, and released by the kernel however we end: a second daemon is refused here.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    try {
      checkWhole(db, file)
      checkVersion(db, file)
    } finally {
      db.exec('ROLLBACK')
    }
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  })
  guard('migrating', () => migrate(db))
  return {
    expectedServers: expectedServersOf(db, guard),
    alertRecords: alertRecordsOf(db, guard),
    silences: silencesOf(db, guard),
    acknowledgements: acknowledgementsOf(db, guard),
    alertStates: alertStatesOf(db, guard),
    deliveries: deliveriesOf(db, guard),
    incidents: incidentsOf(db, guard),
    close: () => db.close(),
  }
}

function checkWhole(db: DatabaseSync, file: string): void {
  const [row] = db.prepare('PRAGMA quick_check(1)').all()
  if (row?.['quick_check'] !== 'ok') throw damaged(file, String(row?.['quick_check']))
}

function checkVersion(db: DatabaseSync, file: string): void {
  const version = versionOf(db)
  if (version <= MIGRATIONS.length) return
  throw new Fault({
    doing: 'opening',
    target: file,
    why: `it was written by a newer Respite (format ${version}, this one knows ${MIGRATIONS.length})`,
    hint: 'Run the newer version, or give another folder with --data. The file was not changed.',
    retryable: false,
  })
}

function migrate(db: DatabaseSync): void {
  for (const [at, statements] of MIGRATIONS.entries()) {
    if (at < versionOf(db)) continue
    db.exec(`BEGIN; ${statements}; PRAGMA user_version = ${at + 1}; COMMIT`)
  }
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
}

function damaged(file: string, why: string, cause?: unknown): Fault {
  const hint =
    'The file was not changed. Move it aside and start again: Respite then learns the topology anew ' +
    '(`respite fleet accept` confirms it).'
  return new Fault({ doing: 'opening', target: file, why: `it is damaged: ${why}`, hint, retryable: false, cause })
}

// Source of the numbers: https://sqlite.org/rescode.html (the low byte of an extended code is its primary code).
const HINTS: Readonly<Record<number, { why?: string; hint: string }>> = {
  5: {
    why: 'another Respite uses it',
    hint: 'Stop the other one, or give this one a folder of its own with --data.',
  },
  8: { hint: 'The file or its folder is read-only for the user that runs Respite.' },
  10: { hint: 'The disk answered with an error; look at the log of the kernel.' },
  13: {
    why: 'the disk is full',
    hint: 'Make room on that disk, or give another folder with --data. What was remembered before is kept.',
  },
  14: { hint: 'Give --data a folder that the user that runs Respite may write to.' },
}

function guardOf(file: string): Guard {
  return (doing, work) => {
    try {
      return work()
    } catch (cause) {
      if (cause instanceof Fault) throw cause
      const code = ((cause as { errcode?: number }).errcode ?? 0) & 0xff
      if (code === 11 || code === 26) throw damaged(file, reasonOf(cause), cause)
      const known = HINTS[code]
      const hint = known?.hint ?? 'Give --data a folder that the user that runs Respite may write to.'
      throw new Fault({ doing, target: file, why: known?.why ?? reasonOf(cause), hint, cause })
    }
  }
}
