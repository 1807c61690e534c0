// Sentinels often have another login than the servers that they watch, or none at all. A server's login that a Sentinel
// refuses is no wrong password: it is one for somebody else.

import { askOf } from '../redis/ask.ts'
import { openConnection } from '../redis/connection.ts'
import { parseInfo } from '../redis/info.ts'
import type { Access } from '../redis/url.ts'
import type { Member } from './member.ts'

const TIMEOUT_MS = 1_500

/** Is this member a Sentinel that lets us in with that login instead? Never throws. */
export async function isSentinelThatTakes(access: Access, { address }: Member): Promise<boolean> {
  try {
    const connection = await openConnection({ address, access, timeoutMs: TIMEOUT_MS })
    const info = await askOf(connection.send)('INFO', 'server').finally(() => connection.close())
    return parseInfo(String(info)).get('redis_mode') === 'sentinel'
  } catch {
    return false // the member's own answer says what is wrong
  }
}
