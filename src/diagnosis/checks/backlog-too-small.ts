// The backlog is how long a replica may be away and still continue where it stopped. Past that it takes the whole dataset
// again, which is a fork, a copy over the network and a time without that replica.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { infoFact, infoNumber, infoRate, infoText, lastLogged, logFact } from '../readings/reading.ts'

const ENOUGH_SECONDS = 60 // what a restart of a replica or a blink of the network takes
const DAY_MS = 24 * 3_600_000
const LEAST_WRITTEN = 1_024 // bytes a second: below that it is the pings of the link that are counted

export default {
  asks: 'Would a replica that is away for a minute have to copy everything again?',

  look(server, evidence) {
    const size = infoNumber(server, 'repl_backlog_size')
    const held = infoNumber(server, 'repl_backlog_histlen')
    const rate = infoRate(server, 'master_repl_offset')
    if (size === undefined || held === undefined || rate === undefined) return undefined
    if (infoText(server, 'repl_backlog_active') !== '1' || (infoNumber(server, 'connected_slaves') ?? 0) === 0)
      return undefined
    const seconds = size / rate
    if (rate < LEAST_WRITTEN || held < size || seconds >= ENOUGH_SECONDS) return undefined
    const happened = lastLogged(server, evidence, /for lack of backlog/, { withinMs: DAY_MS })
    const needed = 2 ** Math.ceil(Math.log2(rate * ENOUGH_SECONDS))
    return {
      kind: 'risk',
      severity: happened === undefined && seconds >= 1 ? 'info' : 'warning',
      says: `A replica of ${server.id} that is away for more than ${formatDuration(seconds * 1_000)} has to copy the whole dataset again: the backlog holds ${formatBytes(size)}, and ${formatBytes(Math.round(rate))} are written a second. ${formatBytes(needed)} would last a minute.`,
      evidence: [
        infoFact(server, 'replication', 'repl_backlog_size'),
        infoFact(server, 'replication', 'repl_backlog_histlen'),
        {
          source: 'INFO replication, twice',
          name: 'master_repl_offset',
          value: `grows by ${formatBytes(Math.round(rate))}/s`,
        },
        infoFact(server, 'stats', 'sync_partial_err'),
        ...(happened === undefined ? [] : [logFact(happened)]),
      ],
      alerts: ['RedisFullResyncLoop'],
      actions: [{ id: 'set-backlog-size', why: `${formatBytes(needed)} hold a minute of what is written now` }],
    }
  },
} satisfies ServerCheck
