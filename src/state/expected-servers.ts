// The topology that is expected: every server that a deployment was seen to have, kept until a person says `respite
// fleet forget`. A server that vanishes takes its metrics with it; this table is how it is missed all the same.

import type { DatabaseSync } from 'node:sqlite'
import type { Guard } from './open-state.ts'

export interface ExpectedServer {
  readonly deployment: string
  readonly id: string // as in ServerView: announced host:port, or the path of a unix socket
  readonly role: string
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  readonly accepted: boolean // false: seen, and not confirmed by anybody yet
}

export interface ExpectedServers {
  list(deployment: string): ExpectedServer[] // by id
  deployments(): string[] // those that have servers here
  /** Adds the server or brings it up to date; `firstSeenMs` stays what it was. One write to disk: not for every look. */
  put(server: ExpectedServer): void
  remove(deployment: string, id: string): boolean // false: there was none
}

export const createExpectedServers = `
  CREATE TABLE expected_servers (
    deployment    TEXT NOT NULL,
    id            TEXT NOT NULL,
    role          TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms  INTEGER NOT NULL,
    accepted      INTEGER NOT NULL,
    PRIMARY KEY (deployment, id)
  ) STRICT`

export function expectedServersOf(db: DatabaseSync, guard: Guard): ExpectedServers {
  const list = db.prepare('SELECT * FROM expected_servers WHERE deployment = ? ORDER BY id')
  const deployments = db.prepare('SELECT DISTINCT deployment FROM expected_servers ORDER BY deployment')
  const put = db.prepare(
    `INSERT INTO expected_servers (deployment, id, role, first_seen_ms, last_seen_ms, accepted) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET role = excluded.role, last_seen_ms = excluded.last_seen_ms, accepted = excluded.accepted`,
  )
  const remove = db.prepare('DELETE FROM expected_servers WHERE deployment = ? AND id = ?')
  return {
    list: (deployment) =>
      guard('reading the expected servers in', () =>
        list.all(deployment).map((row) => ({
          deployment: String(row['deployment']),
          id: String(row['id']),
          role: String(row['role']),
          firstSeenMs: Number(row['first_seen_ms']),
          lastSeenMs: Number(row['last_seen_ms']),
          accepted: row['accepted'] === 1,
        })),
      ),
    deployments: () =>
      guard('reading the expected servers in', () => deployments.all().map((row) => String(row['deployment']))),
    put: ({ deployment, id, role, firstSeenMs, lastSeenMs, accepted }) =>
      guard('remembering a server in', () => {
        put.run(deployment, id, role, Math.round(firstSeenMs), Math.round(lastSeenMs), accepted ? 1 : 0)
      }),
    remove: (deployment, id) => guard('forgetting a server in', () => remove.run(deployment, id).changes > 0),
  }
}
