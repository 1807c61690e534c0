// One attempt to be a client, understood: what the door says, and where it says too little (silence, refusal) what the
// local process and the unix socket say. This is the discriminator of "Redis is down", row by row.

import { startAlarm } from '../lib/alarm.ts'
import { knock } from '../redis/door.ts'
import { ANSWERS, type Answer, type AnswerId } from '../redis/answers.ts'
import type { Ask } from '../redis/ask.ts'
import { infoNumber, parseInfo } from '../redis/info.ts'
import type { Access, Address } from '../redis/url.ts'
import { askSupervisor } from './ask-supervisor.ts'
import { isLocalHost } from '../supervisors/listening.ts'
import { lookAtPid, lookAtProcess, type ProcessLook, type Sight } from '../supervisors/look-at-process.ts'

export interface Patience {
  readonly connectMs: number
  readonly replyMs: number
}

/** What is remembered of a server that helps to look at it while it cannot be asked. */
export interface Remembered {
  readonly pid?: number | undefined // INFO process_id
  readonly runId?: string | undefined // INFO run_id
  readonly unixSocket?: string | undefined // CONFIG unixsocket, where it is on this machine
  readonly supervisor?: string | undefined // what starts it, as configured: `docker:orders`
}

/** For a first look: patient with slow networks, and still within two seconds. */
export const PATIENT: Patience = { connectMs: 1_000, replyMs: 700 }

const SECOND_LOOK = { connectTimeoutMs: 150, replyTimeoutMs: 150 }

/**
 * Never rejects: every failure is an answer. Takes at most the patience and about 150 ms. `ask` is the way in that we
 * still hold, if any: where a hang-up says too little, the server itself may say more.
 */
export async function lookAtAnswer(
  address: Address,
  access: Access,
  patience: Patience,
  remembered: Remembered = {},
  ask?: Ask,
): Promise<Answer> {
  const answer = await knock({
    address,
    access,
    connectTimeoutMs: patience.connectMs,
    replyTimeoutMs: patience.replyMs,
  })
  if (answer.unclear === 'no-handshake') return explainHandshake(answer, address, remembered)
  if (answer.id === 'silent') {
    const explained = explainSilence(answer, await supervisedSightOf(address, remembered))
    return isIdle(explained.id) ? lookAgain(explained, address, access) : explained
  }
  if (answer.id === 'refused' || answer.id === 'timed-out') return explainRefusal(answer, address, remembered)
  if (answer.unclear === 'hung-up' && ask !== undefined) return explainHangUp(answer, ask)
  return answer
}

async function sightOf(address: Address, remembered: Remembered): Promise<Sight> {
  const where = address.path === undefined ? { host: address.host, port: address.port } : { path: address.path }
  return lookAtProcess(where, remembered.pid)
}

/** The same where the sockets of the process cannot be seen, as behind a container's port, and its supervisor names it. */
async function supervisedSightOf(address: Address, remembered: Remembered): Promise<Sight> {
  const sight = await sightOf(address, remembered)
  if (sight.seen === 'process' || remembered.supervisor === undefined) return sight
  const { says, pid } = await askSupervisor(remembered.supervisor)
  const inside = pid === undefined ? undefined : await lookAtPid(pid)
  return inside?.seen === 'process' ? inside : { ...sight, why: `${sight.why}; ${says}` }
}

function explainSilence(answer: Answer, sight: Sight): Answer {
  if (sight.seen !== 'process') return { ...answer, text: `${answer.text}; ${sight.why}` }
  return { ...answer, id: answerOfProcess(sight.process), text: textOfProcess(sight.process), at: Date.now() }
}

function textOfProcess({ pid, command, state, cpuShare, waitsIn, acceptQueue }: ProcessLook): string {
  const facts = [`is in state ${state}`, `uses ${Math.round(cpuShare * 100)} % of a core`]
  if (waitsIn !== undefined && state !== 'R') facts.push(`waits in ${waitsIn}`)
  if (acceptQueue !== undefined) facts.push(`${acceptQueue} connections wait to be accepted`)
  return `${command} (pid ${pid}) ${facts.join(', ')}`
}

// Where a frozen process sleeps: in state D under a version 1 control group, in state S under version 2.
const FROZEN = /refrigerator|freezer_trap|get_signal/

/** The rows "connected, silence, silence" of the matrix, told apart by the process. */
function answerOfProcess(look: ProcessLook): AnswerId {
  const { state, cpuShare, wakeUps } = look
  if (state === 'T' || state === 't' || FROZEN.test(look.waitsIn ?? '')) return 'stopped'
  if (state === 'D') return 'waiting-on-disk'
  // R and never asleep: it runs, or waits for its turn. Who slept meanwhile was only seen in the moment of its timer.
  if (cpuShare >= 0.5 || (state === 'R' && wakeUps === 0)) return 'computing'
  return accepts(look) ? 'paused' : 'hanging'
}

function isIdle(id: AnswerId): boolean {
  return id === 'paused' || id === 'hanging'
}

/** An idle process may just have become free: it is well if it answers now. */
async function lookAgain(explained: Answer, address: Address, access: Access): Promise<Answer> {
  const again = await knock({ address, access, ...SECOND_LOOK })
  return again.id === 'silent' || again.id === 'timed-out' ? explained : again
}

/** Does its event loop turn: it accepts us, reads our command and keeps the answer back? */
function accepts({ acceptQueue, wakeUps, waitsIn }: ProcessLook): boolean {
  if (/poll/.test(waitsIn ?? '')) return true // it waits for its clients, as a server does that has nothing to do
  return acceptQueue === undefined ? wakeUps > 0 : acceptQueue === 0
}

/** Silence in place of a TLS handshake: the process stands still, or the port speaks plain text and waits for more. */
async function explainHandshake(answer: Answer, address: Address, remembered: Remembered): Promise<Answer> {
  const explained = explainSilence(answer, await supervisedSightOf(address, remembered))
  if (explained.id !== 'paused' && explained.id !== 'silent') return explained // handshakes go on while clients are paused
  const plain = await knock({ address, access: {}, ...SECOND_LOOK }) // without a password: it would be sent unencrypted
  if (ANSWERS[plain.id].alive !== true) return { ...explained, id: 'silent' }
  return { ...answer, id: 'tls', text: 'the port speaks plain text: it answers a PING without TLS' }
}

/**
 * Refused and timed out look the same to a client whether the process is down or the way to it is closed; and the
 * connection to a process that has stood still for long times out too, since its queue is full.
 */
async function explainRefusal(answer: Answer, address: Address, remembered: Remembered): Promise<Answer> {
  const isElsewhere = address.path === undefined && !isLocalHost(address.host)
  if (isElsewhere && remembered.supervisor === undefined) return answer
  const sight = await sightOf(address, remembered)
  const facts = [answer.text]
  if (sight.seen === 'process') {
    const { pid, command } = sight.process
    if (answer.id === 'timed-out' && !accepts(sight.process)) return explainSilence(answer, sight)
    facts.push(`${command} (pid ${pid}) does listen there: a firewall is between`)
  } else facts.push(sight.why)
  if (remembered.supervisor !== undefined) facts.push((await askSupervisor(remembered.supervisor)).says)
  const { unixSocket } = remembered
  if (unixSocket !== undefined && unixSocket !== address.path) {
    const second = await knock({ address: { path: unixSocket }, access: {}, ...SECOND_LOOK })
    if (second.id !== 'refused') facts.push(`on its unix socket ${unixSocket} it answers: ${second.text ?? second.id}`)
  }
  return { ...answer, text: facts.filter(Boolean).join('; '), at: Date.now() }
}

const ASK_WITHIN_MS = 300

/** A full server has no word for a client that comes with TLS: it hangs up before the handshake. INFO tells. */
async function explainHangUp(answer: Answer, ask: Ask): Promise<Answer> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const alarm = startAlarm(ASK_WITHIN_MS, () => resolve(undefined))
  const text = await Promise.race([ask('INFO', 'clients').catch(() => undefined), late])
  alarm.stop()
  const info = parseInfo(typeof text === 'string' ? text : '')
  const limit = infoNumber(info, 'maxclients')
  const inside = (infoNumber(info, 'connected_clients') ?? 0) + (infoNumber(info, 'cluster_connections') ?? 0)
  if (limit === undefined || inside < limit) return answer
  return { ...answer, id: 'maxclients', text: `${inside} of ${limit} clients are connected; ${answer.text}` }
}
