// A replica that takes writes of its own. They reach nobody else, and vanish without a word at the next full copy.

import type { ServerCheck } from '../check.ts'
import { infoFact, infoNumber, infoText, keyCount } from '../readings/reading.ts'
import { linkOf } from '../readings/replication-links.ts'

export default {
  asks: 'Does this replica take writes of its own?',

  look(server, evidence) {
    if (infoText(server, 'role') !== 'slave' || infoText(server, 'slave_read_only') !== '0') return undefined
    const link = linkOf(server, evidence)
    const { primary } = link ?? {}
    const inStep =
      primary !== undefined &&
      infoText(server, 'master_link_status') === 'up' &&
      infoNumber(server, 'slave_repl_offset') === infoNumber(primary, 'master_repl_offset')
    const [own, theirs] = [keyCount(server), primary === undefined ? undefined : keyCount(primary)]
    // Expired keys a replica keeps until its primary says so: fewer than the primary has is never that.
    const differs = inStep && own !== undefined && theirs !== undefined && own > theirs
    return {
      kind: 'risk',
      severity: 'warning',
      says:
        `${server.id} is a replica and takes writes (replica-read-only no); they reach no other server and vanish at the next full copy.` +
        (differs ? ` It has ${own} keys and its primary ${theirs}: writes of its own are among them.` : ''),
      evidence: [
        infoFact(server, 'replication', 'slave_read_only'),
        ...(differs
          ? [
              { source: 'INFO keyspace', name: 'keys', value: String(own) },
              { source: `INFO keyspace of ${primary.id}`, name: 'keys', value: String(theirs) },
            ]
          : []),
      ],
      actions: [
        { id: 'protect-replica', why: 'once nobody writes to it any more' },
        ...(differs ? [{ id: 'resync-replica' as const, why: 'its data is not that of its primary' }] : []),
      ],
    }
  },
} satisfies ServerCheck
