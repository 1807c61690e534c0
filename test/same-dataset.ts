// Do two servers hold the same data? DEBUG DIGEST compares keys and values of all databases, and sees neither when a key
// expires, nor a stream's groups, nor the functions (tried on 7.0). So these are compared as well. Both servers need
// `debug: true`, and nobody may write to them meanwhile.

import assert from 'node:assert/strict'
import type { Server } from '../lab/servers.ts'
import { openConnection, Refused, type Connection, type Reply } from '../src/redis/connection.ts'
import { parseInfo } from '../src/redis/info.ts'

const BATCH = 500

/** Fails with what differs. */
export async function assertSameDataset(actual: Server, expected: Server): Promise<void> {
  const [left, right] = await Promise.all([describe(actual), describe(expected)])
  assert.deepEqual(left, right)
}

async function describe(server: Server): Promise<Record<string, unknown>> {
  const { address, access } = server
  const connection = await openConnection({ address, access, timeoutMs: 120_000 })
  try {
    const databases: Record<string, unknown> = {}
    for (const db of await filledDatabases(connection)) {
      await connection.send('SELECT', db)
      databases[db] = await describeDatabase(connection)
    }
    return { digest: await connection.send('DEBUG', 'DIGEST'), databases, functions: await functionsOf(connection) }
  } finally {
    connection.close()
  }
}

async function filledDatabases({ send }: Connection): Promise<string[]> {
  const info = parseInfo(String(await send('INFO', 'keyspace')))
  return info.names.flatMap((name) => /^db(\d+)$/.exec(name)?.[1] ?? [])
}

async function describeDatabase(connection: Connection): Promise<Record<string, unknown>> {
  const keys = await scan(connection)
  const streams = await scan(connection, 'TYPE', 'stream')
  const hashes = await scan(connection, 'TYPE', 'hash')
  return {
    keys: keys.length,
    // -1: never. Absolute times, since a relative one would change while we look.
    expires: (await forEach(keys, (key) => connection.send('PEXPIRETIME', key))).filter(([, at]) => at !== -1),
    streams: await forEach(streams, async (key) =>
      withoutHistory(await connection.send('XINFO', 'STREAM', key, 'FULL', 'COUNT', '0')),
    ),
    fieldExpires: await fieldExpires(connection, hashes),
  }
}

async function scan({ send }: Connection, ...filter: string[]): Promise<string[]> {
  const keys: string[] = []
  let cursor = '0'
  do {
    const [next, some] = (await send('SCAN', cursor, 'COUNT', '1000', ...filter)) as [string, string[]]
    keys.push(...some)
    cursor = next
  } while (cursor !== '0')
  return [...new Set(keys)].toSorted()
}

async function forEach<T>(keys: readonly string[], ask: (key: string) => Promise<T>): Promise<[string, T][]> {
  const all: [string, T][] = []
  for (let at = 0; at < keys.length; at += BATCH) {
    const some = keys.slice(at, at + BATCH)
    all.push(...(await Promise.all(some.map(async (key): Promise<[string, T]> => [key, await ask(key)]))))
  }
  return all
}

// Of a stream's description, what a real replica does not have in common with its primary either: how it lies in memory,
// when a consumer was last seen, and how many entries a group has read, which XREADGROUP does not pass on (7.0.15).
const HISTORY = new Set(['radix-tree-keys', 'radix-tree-nodes', 'seen-time', 'active-time', 'entries-read', 'lag'])

function withoutHistory(reply: Reply): Reply {
  if (!Array.isArray(reply)) return reply
  const isRecord = typeof reply[0] === 'string' && reply.length % 2 === 0
  const parts = isRecord ? reply.filter((_part, at) => !HISTORY.has(String(reply[at - (at % 2)]))) : reply
  return parts.map(withoutHistory)
}

/** Hash fields that expire: Redis 7.4, Valkey 9. */
async function fieldExpires(connection: Connection, hashes: readonly string[]): Promise<[string, Reply][]> {
  try {
    return await forEach(hashes, async (key) => {
      const fields = (await connection.send('HKEYS', key)) as string[]
      const sorted = fields.toSorted()
      return connection.send('HPEXPIRETIME', key, 'FIELDS', String(sorted.length), ...sorted)
    })
  } catch (error) {
    if (error instanceof Refused && /unknown command/i.test(error.message)) return []
    throw error
  }
}

/** FUNCTION DUMP says the same in the order of a hash table, which differs from process to process. */
async function functionsOf({ send }: Connection): Promise<string[]> {
  const libraries = (await send('FUNCTION', 'LIST', 'WITHCODE')) as Reply[]
  return libraries.map((library) => JSON.stringify(library)).toSorted()
}
