// Several replicas of one primary in a full copy at once: the primary forks, reads and sends everything for all of them,
// clients wait, and nobody else has the data meanwhile.

import type { ServerCheck } from '../check.ts'
import { infoFact, infoNumber } from '../readings/reading.ts'
import { LOST_REPLICAS_BRINGS, isCopying, listedBy } from '../readings/replication-links.ts'

const MANY = 2

export default {
  asks: 'Do several replicas of this server take a full copy at once?',

  look(server) {
    const listed = listedBy(server)
    const copying = listed.filter(isCopying)
    const copies = infoNumber(server, 'sync_full') ?? Infinity
    // The first copy of each is how replicas begin; that they had one and take another is what went wrong.
    if (copying.length < MANY || copies <= copying.length) return undefined
    const left = listed.length - copying.length
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${copying.length} of ${listed.length} replicas of ${server.id} take a full copy at the same time. Until they are done, ${left === 0 ? 'no replica' : left === 1 ? 'one replica' : `${left} replicas`} could take over, and the primary reads, forks and sends for all of them.`,
      evidence: [
        ...copying.map(({ id, state }) => ({
          source: 'INFO replication',
          name: `replica ${id}`,
          value: state === 'wait_bgsave' ? 'wait_bgsave: waits for the snapshot' : `${state}: is sent the dataset`,
        })),
        infoFact(server, 'stats', 'sync_full'),
      ],
      ruledOut: [{ check: 'replication-link-down', by: 'the replicas reached the primary and asked for a copy' }],
      alerts: ['RedisDisconnectedSlaves', 'RedisFullResyncLoop', 'RedisLatencyHigh', 'RedisLoadingLong'],
      brings: [...LOST_REPLICAS_BRINGS, 'rdb-save-stuck', { check: 'loading', on: 'every server' }],
      actions: [{ id: 'set-backlog-size', why: 'the next cut of the network would then cost a few bytes and no copy' }],
    }
  },
} satisfies ServerCheck
