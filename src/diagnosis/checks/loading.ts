// A server that reads its dataset into memory serves nobody and is not down: INFO says how far it is. What kills it in
// that time (a liveness probe, an impatient person) makes it begin again.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import { ANSWERS } from '../../redis/answers.ts'
import type { ServerCheck } from '../check.ts'
import { infoFact, infoNumber, infoText, lastLogged } from '../readings/reading.ts'
import { LOST_REPLICAS_BRINGS } from '../readings/replication-links.ts'

const LONG_SECONDS = 300 // as the alert RedisLoadingLong waits

export default {
  asks: 'Does this server still read its dataset into memory?',

  look(server, evidence) {
    const isLoading = infoText(server, 'loading') === '1'
    if (!isLoading && server.answer.id !== 'loading') return undefined
    const startedAt = infoNumber(server, 'loading_start_time')
    const nowSeconds = (infoNumber(server, 'server_time_usec') ?? evidence.takenAt * 1_000) / 1e6
    const forSeconds = startedAt === undefined ? server.answer.forMs / 1_000 : Math.max(0, nowSeconds - startedAt)
    const left = infoNumber(server, 'loading_eta_seconds')
    const percent = infoText(server, 'loading_loaded_perc')
    const total = infoNumber(server, 'loading_total_bytes')
    const isLong = forSeconds >= LONG_SECONDS
    const copied = lastLogged(server, evidence, /(?:MASTER|PRIMARY) <-> REPLICA sync: Loading DB in memory/, {
      sinceStart: true,
    })
    return {
      kind: isLong ? 'fault' : 'advice',
      severity: isLong ? 'warning' : 'info',
      says:
        `${server.id} reads its dataset into memory${copied === undefined ? '' : ' after a full copy'} and serves nobody until it is done; it is not down.` +
        (percent === undefined
          ? ''
          : ` ${percent} % are read after ${formatDuration(forSeconds * 1_000)}${left === undefined ? '' : `, about ${formatDuration(left * 1_000)} are left`}. A restart begins from zero.`),
      first: ANSWERS.loading.first,
      evidence: [
        { source: 'the answer', name: 'PING', value: server.answer.text ?? server.answer.id },
        ...(server.info === undefined
          ? []
          : [
              infoFact(server, 'persistence', 'loading'),
              infoFact(server, 'persistence', 'loading_loaded_perc'),
              infoFact(server, 'persistence', 'loading_eta_seconds'),
            ]),
        ...(total === undefined
          ? []
          : [{ source: 'INFO persistence', name: 'loading_total_bytes', value: formatBytes(total) }]),
      ],
      ruledOut: [
        { check: 'process-down', by: 'it answers' },
        { check: 'cannot-start', by: 'it has started, and its data is being read' },
      ],
      alerts: ['RedisDown', 'RedisLoadingLong', 'RedisDisconnectedSlaves'],
      brings: LOST_REPLICAS_BRINGS,
      actions: [],
    }
  },
} satisfies ServerCheck
