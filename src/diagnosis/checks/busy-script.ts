// A script or function that runs and runs: everybody else is answered BUSY. One that has only read can be ended at once
// and loses nothing; whether it has written the server itself says.

import type { ServerCheck } from '../check.ts'
import { busyFound, busyUndecided } from '../readings/busy.ts'

export default {
  asks: 'Does a script that has written nothing keep the server busy?',

  look(server, evidence) {
    if (server.answer.id !== 'busy') return undefined
    const { script } = server
    if (script?.hasWritten === undefined) return busyUndecided(server)
    if (script.hasWritten) return undefined
    return {
      ...busyFound(server, evidence),
      says: `A ${script.kind} keeps ${server.id} busy, and everybody else waits. It has written nothing: it can be ended at once.`,
      ruledOut: [
        {
          check: 'unkillable-script',
          by: 'the server refuses to end it as another kind, and not because it has written',
        },
        { check: 'slow-command', by: 'only scripts and functions are answered with BUSY' },
        { check: 'process-stopped', by: 'it answers' },
      ],
      actions: [{ id: 'kill-script', why: 'SCRIPT KILL or FUNCTION KILL; it has only read, so that nothing is lost' }],
    }
  },
} satisfies ServerCheck
