// Touches a server to learn what only touching tells: PING says PONG while every write is refused. It writes and reads
// one key of its own, which expires by itself, and nothing else. Opt-in: the write is counted, replicated and saved like
// any other.

import type { Connection } from './connection.ts'

const CANARY_PREFIX = 'respite:canary'
const CANARY_TTL_MS = 60_000
const MOST_KEYS_TRIED = 512 // a node that owns 1 % of the slots is found within so many with 99 %

/**
 * Writes the key and reads it back. Throws `Refused` with what a client's write would meet, `Lost` when there is no
 * answer, and a plain Error when another value came back.
 */
export async function writeAndRead(connection: Connection, key: string, value: string): Promise<void> {
  await connection.send('SET', key, value, 'PX', String(CANARY_TTL_MS))
  const read = await connection.send('GET', key)
  if (read !== value) throw new Error(`wrote ${value} to ${key} and read ${String(read)}`)
}

/** A key that this server may be asked for: any, or on a Cluster node one whose slot it owns. */
export async function ownKey(
  connection: Connection,
  ownsSlot?: (slot: number) => boolean,
): Promise<string | undefined> {
  if (ownsSlot === undefined) return CANARY_PREFIX
  for (let at = 0; at < MOST_KEYS_TRIED; at += 1) {
    const key = `${CANARY_PREFIX}:${at}`
    if (ownsSlot(Number(await connection.send('CLUSTER', 'KEYSLOT', key)))) return key
  }
  return undefined
}
