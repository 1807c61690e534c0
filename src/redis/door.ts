// The door: what a new client would meet right now. Connects, logs in, says PING, reads the answer, hangs up.
//
// It speaks raw bytes and not through the client library on purpose: what we want to know (refused, reset, the one line
// "max number of clients" before the server hangs up, half an answer and then silence) is what a library hides behind
// retries and one kind of error. It reads at most 64 KiB and never waits longer than it is told.

import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { startAlarm } from '../lib/alarm.ts'
import { answerOfError, answerOfSocketError, NO_PASSWORD_SET, type Answer, type AnswerId } from './answers.ts'
import { encodeCommand } from './resp.ts'
import type { Access, Address } from './url.ts'

export interface DoorOptions {
  readonly address: Address
  readonly access: Access
  readonly connectTimeoutMs: number // for the connection
  readonly replyTimeoutMs: number // from then for the answer to PING; with TLS first as long for the handshake
}

const MOST_BYTES = 65_536
const PING = encodeCommand(['PING'])

const LISTEN_MS = 300 // a server that is full says so at once, when it gets the processor

/** Never rejects: every failure is an answer. */
export async function knock(options: DoorOptions): Promise<Answer> {
  const answer = await attempt(options, true)
  if (answer.unclear !== 'hung-up' || options.access.tls !== undefined) return answer
  // Who hangs up while we speak may have said why, and the system threw it away together with our words: a full server
  // does. Come again and only listen.
  const heard = await attempt({ ...options, replyTimeoutMs: LISTEN_MS }, false)
  return heard.id === 'silent' ? answer : heard
}

function attempt({ address, access, connectTimeoutMs, replyTimeoutMs }: DoorOptions, speak: boolean): Promise<Answer> {
  const started = performance.now()
  return new Promise((resolve) => {
    let connectMs: number | undefined
    let received = ''
    let settled = false
    const tls = access.tls !== undefined
    const socket = openSocket(address, access)
    let timer = startAlarm(connectTimeoutMs, () => settle('timed-out', `no connection within ${connectTimeoutMs} ms`))

    const settle = (id: AnswerId, text?: string, unclear?: Answer['unclear']): void => {
      if (settled) return
      settled = true
      timer.stop()
      socket.destroy()
      const replyMs = connectMs === undefined ? undefined : performance.now() - started - connectMs
      resolve({ id, at: Date.now(), text, connectMs, replyMs, unclear })
    }

    if (tls)
      socket.once('connect', () => {
        timer.stop()
        const why = `connected, then no TLS handshake for ${replyTimeoutMs} ms`
        timer = startAlarm(replyTimeoutMs, () => settle('silent', why, 'no-handshake'))
      })
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      connectMs = performance.now() - started
      timer.stop()
      timer = startAlarm(replyTimeoutMs, () => settle('silent', silence(received, replyTimeoutMs)))
      if (speak) socket.write(loginBytes(access) + PING)
    })
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      const verdict = judge(received, speak && access.password !== undefined)
      if (verdict !== undefined) settle(...verdict)
      else if (received.length > MOST_BYTES) settle('not-redis', 'more than 64 KiB of something else')
    })
    const hungUp = (): void => {
      if (tls && connectMs === undefined) return settle('tls', HUNG_UP_IN_HANDSHAKE, 'hung-up')
      if (received !== '') return settle('reset', 'closed in the middle of an answer')
      settle('reset', `closed without an answer${tls ? HUNG_UP_AFTER_HANDSHAKE : ''}`, 'hung-up')
    }
    socket.once('error', (error: Error & { code?: string }) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') hungUp()
      else settle(answerOfSocketError(error, tls), error.message)
    })
    socket.once('close', hungUp)
  })
}

const HUNG_UP_IN_HANDSHAKE =
  'hung up during the TLS handshake: the port speaks plain text, or the server is full (maxclients) and cannot say so'
const HUNG_UP_AFTER_HANDSHAKE =
  ' right after the TLS handshake: it may want another client certificate, or a proxy has no server behind it'

/**
 * A socket to the address, with TLS where the access asks for it. The caller listens for `error`. With `onread`, what comes
 * goes there and not into the socket's stream.
 */
export function openSocket(address: Address, access: Access, onread?: OnReadOpts): Socket {
  const where = address.path === undefined ? { host: address.host, port: address.port } : { path: address.path }
  const how = { ...where, ...(onread === undefined ? {} : { onread }) }
  if (access.tls === undefined) return connectTcp({ ...how, noDelay: true })
  return connectTls({ ...how, ...tlsOptions(address, access.tls) })
}

export function tlsOptions(address: Address, tls: NonNullable<Access['tls']>): Record<string, string> {
  const { ca, cert, key } = tls
  const name = tls.serverName ?? (address.host !== undefined && /[a-z]/i.test(address.host) ? address.host : undefined)
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(name === undefined || name.includes(':') ? {} : { servername: name }),
  }
}

/** AUTH, or nothing where there is no password. */
export function loginBytes({ user, password }: Access): string {
  return password === undefined ? '' : encodeCommand(['AUTH', ...(user === undefined ? [] : [user]), password])
}

/** The verdict on what was received so far, or undefined while more is needed. Source: networking.c of Redis 7.0. */
function judge(received: string, loggedIn: boolean): [AnswerId, string?] | undefined {
  const lines = received.split('\r\n')
  const whole = lines.slice(0, -1)
  const first = whole[0]
  if (first === undefined)
    return /^[+\-:$*_#,(!=%~>|]/.test(received) || received === '' ? undefined : notRedis(received)
  if (!/^[+\-:]/.test(first)) return notRedis(first)
  if (!loggedIn) return judgePing(first)
  const login = first.slice(1)
  if (first.startsWith('-') && !NO_PASSWORD_SET.test(login)) return [answerOfError(login), login]
  const ping = whole[1]
  return ping === undefined ? undefined : judgePing(ping)
}

function judgePing(line: string): [AnswerId, string?] {
  if (line === '+PONG') return ['ok']
  if (line.startsWith('-')) return [answerOfError(line.slice(1)), line.slice(1)]
  return notRedis(line)
}

function notRedis(text: string): [AnswerId, string] {
  return ['not-redis', `it said ${JSON.stringify(text.slice(0, 60))}`]
}

function silence(received: string, waitedMs: number): string {
  const half = received === '' ? 'no answer' : `half an answer (${received.length} bytes)`
  return `connected, then ${half} for ${waitedMs} ms`
}
