// Why a link to a server could not be made or did not last, in the words of redis/answers.ts, as a Fault. One kind is
// for the caller to recognise: a server that lets us in and refuses PSYNC has to be backed up in another way.

import { Fault, reasonOf } from '../lib/fault.ts'
import { answerOfError, answerOfSocketError, ANSWERS, type AnswerId } from '../redis/answers.ts'

const DOING = 'following'
const PSYNC_REFUSED = 'psync refused'
const LEAST_ACL =
  'Give the user the least ACL for backing up: +psync +replconf +ping +info (`respite acl --for backup`).'
const HOPELESS: readonly AnswerId[] = ['noauth', 'wrongpass', 'noperm', 'denied', 'not-redis'] // until a person acts

/** Does the server refuse PSYNC itself, as managed services do? Then choose another method than replication. */
export function refusesPsync(fault: unknown): boolean {
  return fault instanceof Fault && fault.why.startsWith(PSYNC_REFUSED)
}

export function psyncRefused(target: string, text: string): Fault {
  const noperm = answerOfError(text) === 'noperm'
  const hint = noperm ? LEAST_ACL : 'Managed services do not offer PSYNC: back up by another method, as --method scan.'
  return new Fault({ doing: DOING, target, why: `${PSYNC_REFUSED}: ${text}`, hint, exit: 1, retryable: false })
}

/** An error reply (without its `-`) to a command of the handshake. */
export function refused(target: string, text: string): Fault {
  const answer = answerOfError(text)
  const hint = answer === 'noperm' ? LEAST_ACL : RETRY_LATER.test(text) ? LATER : ANSWERS[answer].first
  return new Fault({ doing: DOING, target, why: text, hint, retryable: !HOPELESS.includes(answer) })
}

// replication.c, syncCommand: a replica that has no link to its own primary, or one in the middle of a failover.
const RETRY_LATER = /^-?NOMASTERLINK\b/
const LATER = 'It has lost its own primary or is failing over; it is asked again in a moment.'

export function lost(target: string, why: string, cause?: unknown): Fault {
  return new Fault({ doing: DOING, target, why, hint: 'It is tried again by itself.', cause })
}

export function notRedis(target: string, found: string): Fault {
  const why = `it said ${JSON.stringify(found.slice(0, 60))}, which no server says here`
  return new Fault({ doing: DOING, target, why, hint: ANSWERS['not-redis'].first, retryable: false })
}

/** What was thrown while we followed: a Fault as it is, an error of the socket in our words, anything else as its cause. */
export function faultOf(target: string, error: unknown, tls: boolean): Fault {
  if (error instanceof Fault) return error
  const code = (error as { code?: unknown } | undefined)?.code
  if (typeof code !== 'string') return new Fault({ doing: DOING, target, why: reasonOf(error), cause: error })
  if (code === 'ERR_STREAM_PREMATURE_CLOSE') return lost(target, 'the connection was cut', error)
  const answer = ANSWERS[answerOfSocketError(error as Error & { code: string }, tls)]
  const why = `${answer.says} (${reasonOf(error)})`
  return new Fault({ doing: DOING, target, why, hint: answer.first, cause: error })
}
