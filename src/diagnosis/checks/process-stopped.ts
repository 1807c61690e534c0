// A stopped process accepts connections, since the kernel does, and answers nothing. It looks like a hung disk, a busy
// script or a pause; the state letter of its main thread tells.

import type { ServerCheck } from '../check.ts'
import { OUT_OF_SERVICE_BRINGS } from '../readings/out-of-service.ts'
import { severityOfLoss } from '../readings/reading.ts'

export default {
  asks: 'Is the process stopped, by SIGSTOP, a debugger or a frozen control group?',

  look(server) {
    const { id, answer, process } = server
    if (answer.id !== 'stopped') return undefined
    const state = process?.state ?? 'T'
    const since = process?.acceptQueue === undefined ? '' : `; ${process.acceptQueue} connections wait to be accepted`
    return {
      kind: 'fault',
      severity: severityOfLoss(server),
      says: `The process of ${id} is stopped: it holds its data and answers nothing until it is continued.`,
      evidence: [
        {
          source: process === undefined ? 'the answer' : `/proc/${process.pid}/stat`,
          name: 'state',
          value: `${state}${since}`,
        },
      ],
      ruledOut: [
        { check: 'disk-stall', by: `its state is ${state} and not D` },
        { check: 'slow-command', by: 'it uses no processor time' },
        { check: 'client-pause', by: `its state is ${state}: a paused server sleeps (S) and still accepts` },
        { check: 'process-down', by: 'the process exists and its port accepts connections' },
      ],
      alerts: ['RedisDown', 'RedisDisconnectedSlaves', 'RedisMissingPrimary', 'WritesRefused'],
      brings: OUT_OF_SERVICE_BRINGS,
      actions: [{ id: 'continue-process', why: 'SIGCONT lets it go on where it stood; nothing is lost' }],
    }
  },
} satisfies ServerCheck
