// TILT: a Sentinel whose timer did not run for two seconds, or whose clock jumped, trusts nothing that it measured and
// takes part in no failover for half a minute.

import type { ServerCheck } from '../check.ts'
import { infoFact, infoNumber, infoText, lastLogged, logFact } from '../readings/reading.ts'

const LASTS_SECONDS = 30

export default {
  asks: 'Is this Sentinel in TILT, where it takes part in no failover?',

  look(server, evidence) {
    if (infoText(server, 'sentinel_tilt') !== '1') return undefined
    const since = infoNumber(server, 'sentinel_tilt_since_seconds')
    const entered = lastLogged(server, evidence, /\+tilt/, { withinMs: 5 * 60_000 })
    const left = since === undefined ? '' : `, for another ${Math.max(0, LASTS_SECONDS - since)} s at least`
    return {
      kind: 'fault',
      severity: 'warning',
      says: `The Sentinel ${server.id} is in TILT and takes part in no failover${left}: its process stood still for more than two seconds, or its clock jumped.`,
      first:
        'Wait half a minute: it ends by itself. When it comes again, see what stops that process or its clock: the processor, the memory, the time service.',
      evidence: [
        infoFact(server, 'sentinel', 'sentinel_tilt'),
        ...(since === undefined ? [] : [infoFact(server, 'sentinel', 'sentinel_tilt_since_seconds')]),
        ...(entered === undefined ? [] : [logFact(entered)]),
      ],
      ruledOut: [
        { check: 'process-stopped', by: 'it runs and answers now' },
        { check: 'sentinel-no-quorum', by: 'the other Sentinels still count it' },
      ],
      alerts: ['RedisSentinelTilt'],
      actions: [],
    }
  },
} satisfies ServerCheck
