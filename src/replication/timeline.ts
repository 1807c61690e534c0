// A server that does not let us go on from where we were sends the whole dataset instead. What that means for the
// archive depends on why: only bytes were missed, or there are now two histories, and from where on. The server's own
// two replication ids tell, as INFO gave them a moment before (replication.c, masterTryPartialResynchronization).

import type { Info } from '../redis/info.ts'
import { infoNumber } from '../redis/info.ts'

/** What a new base is to the position that was held before. */
export type Relation =
  | { readonly kind: 'first' } // there was none
  | { readonly kind: 'gap'; readonly why: string } // the same history; the bytes between the two are lost
  | { readonly kind: 'fork'; readonly why: string; readonly divergedAt: number } // shared up to and with this offset
  | { readonly kind: 'unrelated'; readonly why: string } // nothing says that the two have anything in common

/** The histories that a server knows of itself: INFO replication. */
export interface Histories {
  readonly replid: string
  readonly offset: number
  readonly earlier: string | undefined // `master_replid2`: whom it followed before it was promoted
  readonly earlierUpTo: number // the last offset that it shares with it
}

const NONE = '0'.repeat(40)

export function historiesOf(info: Info): Histories | undefined {
  const replid = info.get('master_replid')
  const offset = infoNumber(info, 'master_repl_offset')
  if (replid === undefined || offset === undefined) return undefined
  const earlier = info.get('master_replid2')
  // second_repl_offset is the first offset of its own, -1 where there is no second id.
  const upTo = (infoNumber(info, 'second_repl_offset') ?? -1) - 1
  return { replid, offset, earlier: earlier === NONE ? undefined : earlier, earlierUpTo: upTo }
}

interface Place {
  readonly replid: string
  readonly offset: number
}

/** How the base at `now` relates to `before`, the position that the server did not accept. */
export function relate(before: Place | undefined, now: Place, known: Histories | undefined): Relation {
  if (before === undefined) return { kind: 'first' }
  if (now.replid === before.replid) return relateSame(before, now)
  const knows = known?.replid === now.replid ? known : undefined // it changed between INFO and PSYNC
  if (knows?.earlier !== before.replid) {
    const why =
      knows === undefined
        ? 'the server has another replication id, and does not say where it comes from'
        : 'the server has another replication id and knows nothing of ours: it was started anew, replaced, or was ' +
          'without replicas for longer than repl-backlog-ttl'
    return { kind: 'unrelated', why }
  }
  if (before.offset <= knows.earlierUpTo)
    return { kind: 'gap', why: 'the server was promoted, and its backlog does not reach back to where we were' }
  const lost = before.offset - knows.earlierUpTo
  const why = `the server was promoted without the last ${lost} bytes that we had from its predecessor`
  return { kind: 'fork', why, divergedAt: knows.earlierUpTo }
}

function relateSame(before: Place, now: Place): Relation {
  if (now.offset >= before.offset)
    return { kind: 'gap', why: "the server's backlog does not reach back to where we were (repl-backlog-size)" }
  const why = `the server is at offset ${now.offset} of the same history, behind ours: it was put back`
  return { kind: 'fork', why, divergedAt: now.offset }
}
