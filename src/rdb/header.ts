// The nine bytes that an RDB begins with: REDIS and four digits, or VALKEY and three (Valkey 9). And what is no RDB, but is
// met where one is expected, is called by its name.

import type { Cursor } from './cursor.ts'
import type { Flavour } from './layouts.ts'

export interface Header {
  readonly flavour: Flavour
  readonly rdbVersion: number
}

const BYTES = 9

// By their first bytes.
const OTHERS: readonly (readonly [hex: string, name: string])[] = [
  ['28b52ffd', 'a file packed by zstd'],
  ['1f8b', 'a file packed by gzip'],
  ['504b0304', 'a zip archive'],
  ['6167652d656e', 'a file encrypted with age'],
  ['564353', 'an RDB in Valkey’s own packing (VCS), which only Valkey 9.2 reads'],
  ['2a', 'an AOF without an RDB in front of it'],
]

/** The header, or undefined when not all of it is here. */
export function readHeader(cursor: Cursor): Header | undefined {
  const { at, bytes } = cursor
  const here = Buffer.from(bytes.subarray(at, at + BYTES))
  const match = /^(?:(REDIS)(\d{4})|(VALKEY)(\d{3}))$/.exec(here.toString('latin1'))
  if (match !== null) {
    cursor.at = at + BYTES
    const [, redis, redisVersion, , valkeyVersion] = match
    return redis === undefined
      ? { flavour: 'valkey', rdbVersion: Number(valkeyVersion) }
      : { flavour: 'redis', rdbVersion: Number(redisVersion) }
  }
  if (here.length < BYTES) return undefined
  const other = OTHERS.find(([hex]) => here.toString('hex').startsWith(hex))
  throw cursor.wrong('REDIS or VALKEY and a version', other?.[1] ?? JSON.stringify(here.toString('latin1')))
}
