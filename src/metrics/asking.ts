// Asking within one sample. What is asked in every sample leaves together with INFO, in one write, instead of after it;
// and what was refused is said again without being asked again.

import { Fault } from '../lib/fault.ts'
import type { Ask } from '../redis/ask.ts'
import { Refused, type Reply } from '../redis/connection.ts'

/** What is remembered of one server between its samples. */
export interface Asked {
  readonly refusals: Map<string, { error: Refused; until: number }> // by command
  repeated: readonly string[][] // questions of the last sample that will be asked in the next one too
}

// Each try would count as an error in the server's own statistics and in its ACL log, so a command that was refused
// rests for so long. A right that was granted meanwhile is noticed after it.
const ASK_AGAIN_MS = 300_000

/** Questions whose words never change. */
const REPEATABLE = [
  ['CLUSTER', 'INFO'],
  ['LATENCY', 'HISTOGRAM'],
  ['LATENCY', 'LATEST'],
  ['SENTINEL', 'MASTERS'],
  ['SLOWLOG', 'GET', '1'],
  ['SLOWLOG', 'LEN'],
]

export function makeAsked(): Asked {
  return { refusals: new Map(), repeated: [] }
}

/** Sends the questions of the last sample at once; the `Ask` that comes back finds their answers under way. */
export function askAhead(ask: Ask, asked: Asked, now: number): Ask {
  const asking = rememberRefusals(ask, asked.refusals, now)
  const { repeated: ahead } = asked
  const answers: Promise<Reply>[] = []
  for (const words of ahead) {
    const answer = asking(...words)
    answer.catch(passOver) // nobody may want it this time
    answers.push(answer)
  }
  const repeated: string[][] = []
  asked.repeated = repeated
  return (...words) => {
    const question = REPEATABLE.find((one) => areSame(one, words))
    if (question === undefined) return asking(...words)
    if (!repeated.includes(question)) repeated.push(question)
    return answers[ahead.indexOf(question)] ?? asking(...words)
  }
}

const passOver = (): undefined => undefined

/** Word by word: to join them for a Map costs more than a few comparisons. */
function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((word, at) => word === others[at])
}

/** Refusals become Faults that name the command. */
function rememberRefusals(ask: Ask, refusals: Asked['refusals'], now: number): Ask {
  return (...words) => {
    const known = refusals.size === 0 ? undefined : refusals.get(nameOf(words))
    if (known !== undefined && now < known.until && now > known.until - 2 * ASK_AGAIN_MS)
      return Promise.reject(faultOf(nameOf(words), known.error))
    return ask(...words).catch((error: unknown) => {
      if (!(error instanceof Refused)) throw error
      const command = nameOf(words)
      if (isLasting(error)) refusals.set(command, { error, until: now + ASK_AGAIN_MS })
      throw faultOf(command, error)
    })
  }
}

const CONTAINERS = new Set('CLIENT CLUSTER COMMANDLOG CONFIG LATENCY MODULE SENTINEL SLOWLOG XINFO'.split(' '))

function nameOf(words: readonly string[]): string {
  const command = words[0] ?? ''
  return CONTAINERS.has(command) ? `${command} ${words[1] ?? ''}` : command
}

function isLasting(error: Refused): boolean {
  return error.answer === 'noperm' || /^ERR unknown (sub)?command|^ERR Unknown \w+ subcommand/i.test(error.message)
}

function faultOf(command: string, error: Refused): Fault {
  return new Fault({ doing: 'asking', target: command, why: error.message, hint: hintOf(error), cause: error })
}

function hintOf(error: Refused): string {
  if (error.answer === 'noperm') return 'Allow it in the ACL of the user that watches.'
  return isLasting(error)
    ? 'This version of the server does not have the command.'
    : 'Ask again when the server is well.'
}
