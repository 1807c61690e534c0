// The first few hundred bytes of an RDB: who wrote it, and the fields that come before the data. One of them matters to
// the stream that follows: a replica passes its primary's bytes on as they are, without a new SELECT, so that the
// database which is selected where our stream begins stands in the RDB alone (`repl-stream-db`; rdb.c,
// rdbPopulateSaveInfo of Redis 7.0). Nothing else of the RDB is looked at here, and nothing in it stops a backup.

import type { Flavour } from '../rdb/layouts.ts'
import { RdbScanner } from '../rdb/scanner.ts'

export interface RdbHead {
  readonly flavour: Flavour
  readonly rdbVersion: number
  readonly aux: ReadonlyMap<string, string>
}

const MAGIC_BYTES = 9
const MOST_BYTES = 65_536 // real heads have 200 bytes

/**
 * Reads the head. `undefined`: more bytes are needed, unless `isAll`. `not-rdb`: these are no RDB's. A head without an
 * end, or with something unknown in it, counts as ended after 64 KiB.
 */
export function readRdbHead(bytes: Buffer, isAll: boolean): RdbHead | 'not-rdb' | undefined {
  let flavour: Flavour | undefined
  let rdbVersion = 0
  let hasEnded = isAll || bytes.length >= MOST_BYTES
  const aux = new Map<string, string>()
  const end = (): void => void (hasEnded = true)
  const scanner = new RdbScanner({
    header: (which, version) => void ([flavour, rdbVersion] = [which, version]),
    aux: (name, value) => void aux.set(name, value.toString('latin1')),
    sizes: end,
    library: end,
    wants: () => {
      end()
      return false
    },
  })
  scanner.push(bytes)
  if (flavour === undefined) return bytes.length < MAGIC_BYTES && !isAll ? undefined : 'not-rdb'
  if (!hasEnded && scanner.end === undefined) return undefined
  return { flavour: aux.has('valkey-ver') ? 'valkey' : flavour, rdbVersion, aux } // Valkey 8 still writes REDIS0011
}
