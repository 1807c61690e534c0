// Servers of one deployment that each take themselves for the primary, and whether they were one dataset once: a promoted
// replica remembers the history that it branched from, so that a fork can be told from two datasets that were mixed up.

import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoNumber, infoText } from './reading.ts'

/** All that answer as primaries; one of a Cluster is no rival of the others. */
export function primariesOf({ servers, deployment }: Evidence): readonly ServerEvidence[] {
  if (deployment.kind === 'cluster') return []
  return servers.filter(
    (server) => infoText(server, 'role') === 'master' && infoText(server, 'cluster_enabled') !== '1',
  )
}

/** Two branches of one history. */
export interface Fork {
  readonly promoted: ServerEvidence // the one that went on under a new id
  readonly stale: ServerEvidence // the one that it branched from
  readonly writtenSince: number // bytes that only the stale one has
  readonly promotedSince: number // bytes that only the promoted one has
}

/** Did one of the two branch from the other? */
export function forkOf(one: ServerEvidence, other: ServerEvidence): Fork | undefined {
  for (const [promoted, stale] of [
    [one, other],
    [other, one],
  ] as const) {
    const before = infoText(promoted, 'master_replid2') ?? ''
    if (/^0*$/.test(before) || before !== infoText(stale, 'master_replid')) continue
    const at = infoNumber(promoted, 'second_repl_offset') ?? 0
    const written = infoNumber(stale, 'master_repl_offset') ?? 0
    const own = infoNumber(promoted, 'master_repl_offset') ?? 0
    // second_repl_offset is the first byte that is no longer common.
    return { promoted, stale, writtenSince: Math.max(0, written - at + 1), promotedSince: Math.max(0, own - at + 1) }
  }
  return undefined
}
