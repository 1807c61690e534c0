// What the two kinds of a busy server have in common: one whose script can be ended, and one whose script cannot.

import { formatDuration } from '../../lib/units.ts'
import type { Fact, Found, Undecided } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { OUT_OF_SERVICE_BRINGS } from './out-of-service.ts'
import { lastLogged, logFact, severityOfLoss } from './reading.ts'

const SLOW = /Slow (?:script|function) detected|Script name is/

/** All but what it says of the script, and what to do. */
export function busyFound(server: ServerEvidence, evidence: Evidence): Omit<Found, 'says'> {
  return {
    kind: 'fault',
    severity: severityOfLoss(server),
    evidence: factsOf(server, evidence),
    alerts: ['RedisDown', 'RedisCpuHigh', 'RedisLatencyHigh'],
    brings: ['slow-command', 'cpu-saturated', ...OUT_OF_SERVICE_BRINGS],
  }
}

/** The server did not say whether it has written: before 7.0 there is no way to ask, and later our user may not. */
export function busyUndecided(server: ServerEvidence): Undecided {
  return {
    between: ['busy-script', 'unkillable-script'],
    server: server.id,
    says: `A script keeps ${server.id} busy, and everybody else waits; whether it has written was not to be asked.`,
    wouldTell:
      'SCRIPT KILL (FUNCTION KILL for a function): it ends one that has only read, and says UNKILLABLE of another',
  }
}

function factsOf(server: ServerEvidence, evidence: Evidence): Fact[] {
  const { answer, script, process } = server
  const logged = lastLogged(server, evidence, SLOW, { sinceStart: true })
  const runs = script?.runsForMs === undefined ? '' : `, for ${formatDuration(script.runsForMs)}`
  return [
    { source: 'a new connection', name: 'PING', value: answer.text ?? 'BUSY' },
    ...(script?.command === undefined
      ? []
      : [{ source: 'FUNCTION STATS', name: 'running_script', value: `${script.command}${runs}` }]),
    ...(logged === undefined ? [] : [logFact(logged)]),
    ...(process === undefined
      ? []
      : [
          {
            source: `/proc/${process.pid}/stat`,
            name: 'state',
            value: `${process.state}, ${Math.round(process.cpuShare * 100)} % of a core`,
          },
        ]),
  ]
}
