// The slow log of one server, followed: what was slow, who sent it, and when, kept after the server itself has
// forgotten it. The collector fills it, the API and the screen read it. Secrets are taken out before anything is kept.

import type { Reply } from '../redis/connection.ts'
import { redactCommand } from '../redis/redact.ts'

export interface SlowCommand {
  readonly id: number
  readonly at: number // epoch seconds, when the command ended
  readonly durationUs: number
  readonly command: readonly string[] // as the server cut it: at most 32 words of at most 128 bytes
  readonly client: string // address; '' before Redis 4
  readonly clientName: string
}

export interface SlowLog {
  readonly entries: readonly SlowCommand[] // oldest first, at most `MOST`
  readonly lastId: number // -1: none was seen
  readonly missed: number // entries that the server dropped before we could read them
  /** Takes entries of SLOWLOG GET, in any order. A restart of the server, known by an id that fell, starts anew. */
  take(entries: readonly SlowCommand[]): void
}

const MOST = 128

export function makeSlowLog(): SlowLog {
  const kept: SlowCommand[] = []
  let lastId = -1
  let missed = 0
  return {
    entries: kept,
    get lastId() {
      return lastId
    },
    get missed() {
      return missed
    },
    take(entries) {
      const sorted = entries.toSorted((a, b) => a.id - b.id)
      const newest = sorted.at(-1)?.id ?? lastId
      if (newest < lastId) lastId = -1
      const fresh = sorted.filter((entry) => entry.id > lastId)
      const first = fresh[0]
      if (first !== undefined && lastId !== -1) missed += first.id - lastId - 1
      kept.push(...fresh)
      if (kept.length > MOST) kept.splice(0, kept.length - MOST)
      lastId = fresh.at(-1)?.id ?? lastId
    },
  }
}

/** The entries of a reply to SLOWLOG GET; what is not of that form is passed over. */
export function parseSlowLog(reply: Reply): SlowCommand[] {
  if (!Array.isArray(reply)) return []
  return reply.flatMap((entry) => {
    if (!Array.isArray(entry)) return []
    const [id, at, durationUs, words, client, clientName] = entry
    if (typeof id !== 'number' || typeof at !== 'number' || typeof durationUs !== 'number' || !Array.isArray(words))
      return []
    const command = redactCommand(words.map(String))
    return [{ id, at, durationUs, command, client: String(client ?? ''), clientName: String(clientName ?? '') }]
  })
}
