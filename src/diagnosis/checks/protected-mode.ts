// Without a password, a server that is asked over the network refuses everybody but those on its own machine.

import { ANSWERS } from '../../redis/answers.ts'
import type { ServerCheck } from '../check.ts'
import { severityOfLoss } from '../readings/reading.ts'

export default {
  asks: 'Does protected mode turn away who comes over the network?',

  look(server) {
    const { answer, id, conf } = server
    if (answer.id !== 'denied') return undefined
    return {
      kind: 'fault',
      severity: severityOfLoss(server),
      says: `${id} is well and in protected mode: it has no password, and turns away everybody who comes over the network.`,
      first: `${ANSWERS.denied.first} It would be open to all.`,
      evidence: [
        { source: 'a new connection', name: 'PING', value: answer.text ?? 'DENIED' },
        ...(conf === undefined
          ? []
          : ['bind', 'requirepass'].map((name) => ({
              source: conf.path,
              name,
              value: conf.directives[name] ?? 'not set',
            }))),
      ],
      ruledOut: [
        { check: 'bind-or-firewall', by: 'it answers' },
        { check: 'wrong-password', by: 'it asks for none: it has none' },
        { check: 'maxclients-reached', by: 'it says why it turns away' },
      ],
      alerts: ['RedisDown'],
      brings: ['replication-link-down'],
    }
  },
} satisfies ServerCheck
