// What the supervisor of a server says of it, while the server itself does not answer: in words, and the process to look at
// where its sockets cannot be seen from here. Asked in little time: a supervisor that is slow must not slow the watching.

import { startAlarm } from '../lib/alarm.ts'
import { reasonOf } from '../lib/fault.ts'
import { formatDuration } from '../lib/units.ts'
import { openLooking, type SupervisedState } from '../supervisors/supervisor.ts'

export interface SupervisorWord {
  readonly says: string
  readonly pid: number | undefined // of a process of this machine that runs
}

const WITHIN_MS = 500

/** Never rejects: that it could not be asked is a word too. */
export async function askSupervisor(supervisor: string): Promise<SupervisorWord> {
  const { promise: late, resolve } = Promise.withResolvers<SupervisorWord>()
  const alarm = startAlarm(WITHIN_MS, () => resolve({ says: `${supervisor} does not say`, pid: undefined }))
  try {
    return await Promise.race([ask(supervisor), late])
  } finally {
    alarm.stop()
  }
}

async function ask(supervisor: string): Promise<SupervisorWord> {
  try {
    const looking = await openLooking(supervisor)
    const state = await looking.state()
    const isThere = state.is === 'running' || state.is === 'paused'
    return { says: `${looking.shown} is ${wordsOf(state)}`, pid: isThere ? state.pid : undefined }
  } catch (error) {
    return { says: `${supervisor} cannot be asked: ${reasonOf(error)}`, pid: undefined }
  }
}

function wordsOf({ is, sinceMs, exitCode, outOfMemory, restarts, says }: SupervisedState): string {
  const facts = is === 'absent' ? [`absent: ${says}`] : [is]
  if (sinceMs !== undefined) facts.push(`for ${formatDuration(Date.now() - sinceMs)}`)
  if (exitCode !== undefined) facts.push(`exit ${exitCode}`)
  if (outOfMemory === true) facts.push('killed for want of memory')
  if (restarts !== undefined && restarts > 0) facts.push(`started again ${restarts} times`)
  return facts.join(', ')
}
