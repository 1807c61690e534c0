// Whom it concerns when one server gives no data any more: itself, its replicas, and theirs. A replica of another server
// that lags or has lost its link does so for a reason of its own.

import type { Evidence, ServerEvidence } from '../evidence.ts'
import { linkOf } from './replication-links.ts'

/** Is it that server, or does it get its data from there, directly or through others? Of one whose primary is not known it may be so. */
export function isFedBy(source: string, server: string, evidence: Evidence): boolean {
  const passed = new Set<string>()
  let at = evidence.servers.find(({ id }) => id === server)
  while (at !== undefined && at.id !== source && !passed.has(at.id)) {
    passed.add(at.id)
    if (isTop(at)) return false
    at = linkOf(at, evidence)?.primary
  }
  return at === undefined || at.id === source
}

function isTop({ role }: ServerEvidence): boolean {
  return role === 'primary' || role === 'sentinel'
}
