// A script that runs and runs and has written: the server does not let it be ended, because half of its writes would stay.
// One waits, or gives up what was not saved.

import type { ServerCheck } from '../check.ts'
import { busyFound } from '../readings/busy.ts'

export default {
  asks: 'Does a script that has written keep the server busy?',

  look(server, evidence) {
    const { script } = server
    if (server.answer.id !== 'busy' || script?.hasWritten !== true) return undefined
    const how = script.fromPrimary === true ? 'It came from the primary' : 'It has written'
    return {
      ...busyFound(server, evidence),
      says: `A ${script.kind} keeps ${server.id} busy, and everybody else waits. ${how}, so that the server refuses to end it: wait, or fail over; SHUTDOWN NOSAVE loses what was not saved.`,
      ruledOut: [
        { check: 'busy-script', by: 'the server answers UNKILLABLE' },
        { check: 'slow-command', by: 'only scripts and functions are answered with BUSY' },
        { check: 'process-stopped', by: 'it answers' },
      ],
      actions: [{ id: 'fail-over', why: 'where a replica has the data, it serves while this one is still busy' }],
    }
  },
} satisfies ServerCheck
