// One base, read to its last byte: the hashes of its parts, the RDB's own checksum, and that what is in it is what its
// manifest says.

import { Fault } from '../lib/fault.ts'
import { RdbScanner } from '../rdb/scanner.ts'
import { StreamFramer } from '../replication/stream-framer.ts'
import type { StoredBase } from './catalog.ts'
import type { StoredPart } from './documents.ts'
import { checkHash, readSealed, type Reading, type SealedObject } from './read-segment.ts'

/** Throws a Fault for whatever is wrong with it. */
export async function verifyRdb(reading: Reading, base: StoredBase): Promise<void> {
  let [keys, expires, bytes] = [0, 0, 0]
  const target = `${reading.store.shown}/${base.root}${base.rdb.object}`
  const scanner = new RdbScanner(
    {
      entry({ expiresAtMs }) {
        keys += 1
        if (expiresAtMs !== undefined) expires += 1
      },
    },
    { target },
  )
  for await (const chunk of readSealed(reading, partOf(base, base.rdb))) {
    scanner.push(chunk)
    bytes += chunk.length
  }
  const { complete, checksum, problem, rdbVersion, end } = scanner.finish()
  if (problem !== undefined) throw problem
  const { rdb } = base
  compare(target, 'bytes', bytes, rdb.bytes)
  compare(target, 'RDB version', rdbVersion, rdb.rdbVersion)
  compare(target, 'checksum', checksum, rdb.checksum)
  if (!complete || !base.complete) return // a type that is not known here, or was not when it was written
  compare(target, 'end', end, rdb.bytes)
  compare(target, 'keys', keys, base.keys)
  compare(target, 'keys that expire', expires, base.expires)
}

/** The commands behind an RDB: whole ones, and as many bytes as its manifest says. */
export async function verifyIncrement(reading: Reading, base: StoredBase, part: StoredPart): Promise<void> {
  const target = `${reading.store.shown}/${base.root}${part.object}`
  const framer = new StreamFramer({ offset: 0, db: 0, name: target, hasComments: true })
  let [bytes, safe] = [0, 0]
  for await (const chunk of readSealed(reading, partOf(base, part))) {
    safe = framer.push(chunk).safe
    bytes += chunk.length
  }
  compare(target, 'bytes', bytes, part.bytes)
  if (safe !== bytes)
    throw new Fault({ doing: 'verifying', target, why: 'it ends within a command or a transaction', retryable: false })
}

export async function verifyServerContext(reading: Reading, base: StoredBase, part: StoredPart): Promise<void> {
  const chunks = await Array.fromAsync(readSealed(reading, partOf(base, part)))
  const plain = Buffer.concat(chunks)
  const target = `${reading.store.shown}/${base.root}${part.object}`
  compare(target, 'bytes', plain.length, part.bytes)
  JSON.parse(plain.toString())
}

/** What can be said of it without a key. */
export async function verifyHash(reading: Reading, object: SealedObject, storedBytes: number): Promise<void> {
  compare(`${reading.store.shown}/${object.key}`, 'bytes in the store', await checkHash(reading, object), storedBytes)
}

export function partOf({ root }: StoredBase, { object, sha256 }: StoredPart): SealedObject {
  return { key: root + object, sha256, sealed: object.endsWith('.age') ? 'zst.age' : 'zst' }
}

function compare(target: string, what: string, found: unknown, said: unknown): void {
  if (found === said) return
  const why = `${what}: ${String(found)} are in it, and its manifest says ${String(said)}`
  throw new Fault({ doing: 'verifying', target, why, retryable: false })
}
