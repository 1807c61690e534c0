// A replica that is told not to serve data that may be old answers MASTERDOWN while it has no link, even to PING: a
// liveness probe takes it for dead, restarts it, and the copy under way begins again.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { infoFact, infoNumber, infoText, setting, severityOfLoss } from '../readings/reading.ts'

export default {
  asks: 'Does this replica refuse to answer because its link is down?',

  look(server) {
    const refuses = server.answer.id === 'masterdown'
    const isSoSet = setting(server, 'replica-serve-stale-data') ?? setting(server, 'slave-serve-stale-data')
    const isDown = infoText(server, 'master_link_status') === 'down'
    if (!refuses && !(isSoSet === 'no' && isDown)) return undefined
    const copying = infoText(server, 'master_sync_in_progress') === '1'
    const left = infoNumber(server, 'master_sync_left_bytes') ?? -1
    return {
      kind: 'fault',
      severity: severityOfLoss(server),
      says:
        `${server.id} answers everything with MASTERDOWN, PING too: it has no link to its primary and is told not to serve data that may be old.` +
        (copying
          ? ` It is taking a full copy${left > 0 ? ` (${formatBytes(left)} are left)` : ''}; a restart would begin it again.`
          : ''),
      first: 'Mend the link to its primary; where reads may be old meanwhile: CONFIG SET replica-serve-stale-data yes.',
      evidence: [
        { source: 'the answer', name: 'PING', value: server.answer.text ?? server.answer.id },
        ...(server.info === undefined
          ? []
          : [
              infoFact(server, 'replication', 'master_link_status'),
              infoFact(server, 'replication', 'master_sync_in_progress'),
            ]),
        ...(isSoSet === undefined ? [] : [{ source: 'CONFIG GET', name: 'replica-serve-stale-data', value: isSoSet }]),
      ],
      ruledOut: [
        { check: 'process-down', by: 'it answers' },
        { check: 'loading', by: 'that would be answered with LOADING' },
      ],
      alerts: ['RedisDown', 'RedisDisconnectedSlaves'],
      actions: [],
    }
  },
} satisfies ServerCheck
