// What the supervisor of a server says of it: how it ended, how often it was started again. Where none was named, the
// service of systemd that its process belongs to, or belonged to when it was last seen.

import { unitOf } from '../../supervisors/proc.ts'
import { openLooking } from '../../supervisors/supervisor.ts'
import type { SupervisedSeen } from '../evidence.ts'
import type { Source } from '../source.ts'

export default {
  looksAt: 'the supervisor: state, last exit, restarts',
  asks: false,
  after: ['process'],

  async look({ supervisor, remembered, local }, seen) {
    if (!local) return undefined
    const pid = seen.process?.pid
    const unit = pid === undefined ? undefined : unitOf(pid)
    const name = supervisor ?? (unit === undefined ? remembered.supervisor : `systemd:${unit}`)
    if (name === undefined) return undefined
    const looking = await openLooking(name)
    const { is, says, exitCode, outOfMemory, restarts, restartPolicy, sinceMs } = await looking.state()
    return {
      supervisor: looking.shown,
      is,
      says,
      exitCode,
      outOfMemory,
      restarts,
      restartPolicy,
      sinceMs,
    } satisfies SupervisedSeen
  },
} satisfies Source<'supervised'>
