// Replies that are lists of name and value, one after the other: CONFIG GET, SENTINEL MASTERS.

import type { Reply } from '../redis/connection.ts'

/** `[name, value, name, value]` as a Map. */
export function mapOfReply(reply: Reply | undefined): Map<string, string> {
  const map = new Map<string, string>()
  if (!Array.isArray(reply)) return map
  for (let at = 0; at + 1 < reply.length; at += 2) map.set(String(reply[at]), String(reply[at + 1]))
  return map
}

/** A list of such lists. */
export function mapsOfReply(reply: Reply): Map<string, string>[] {
  return Array.isArray(reply) ? reply.map(mapOfReply) : []
}
