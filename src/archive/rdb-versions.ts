// Which server writes which RDB. Sources: rdb.h of Redis 4.0 to 8.10 and of Valkey 7.2 to 9.0.

import { isAtLeast } from '../replication/handshake.ts'

type Since = readonly [major: number, minor: number]
type Row = readonly [since: Since, rdbVersion: number]

// Newest first.
const RDB_OF: Readonly<Record<'redis' | 'valkey', readonly Row[]>> = {
  redis: [
    [[8, 10], 15],
    [[8, 8], 14],
    [[8, 6], 13],
    [[7, 4], 12],
    [[7, 2], 11],
    [[7, 0], 10],
    [[5, 0], 9],
    [[4, 0], 8],
  ],
  valkey: [
    [[9, 0], 80],
    [[7, 2], 11],
  ],
}

const FIRST_UNKNOWN: Readonly<Record<'redis' | 'valkey', Since>> = { redis: [8, 11], valkey: [9, 2] }

/** The RDB version that a server of this version writes, or undefined for one before 4.0. For newer ones than are known, the last. */
export function rdbVersionOf(flavour: 'redis' | 'valkey', version: string): number | undefined {
  return RDB_OF[flavour].find(([since]) => isAtLeast(version, since))?.[1]
}

/** Is what it writes known here? */
export function isKnownRdb(flavour: 'redis' | 'valkey', version: string): boolean {
  return rdbVersionOf(flavour, version) !== undefined && !isAtLeast(version, FIRST_UNKNOWN[flavour])
}
