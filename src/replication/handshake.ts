// From a socket to an accepted PSYNC, in the order of a real replica (replication.c of Redis 7.0, syncWithMaster): login,
// PING, what we are, where from. One question at a time, since a server refuses PSYNC while an answer is still to be
// sent. INFO is asked before, so that no server is sent an option that it does not know (its error counters stay
// clean), and so that a refused position can be explained.

import type { OnReadOpts, Socket } from 'node:net'
import type { Clock } from '../lib/clock.ts'
import { NO_PASSWORD_SET } from '../redis/answers.ts'
import { loginBytes, openSocket } from '../redis/door.ts'
import type { Flavour } from '../rdb/layouts.ts'
import { parseInfo, type Info } from '../redis/info.ts'
import { encodeCommand } from '../redis/resp.ts'
import { showAddress, type Access, type Address } from '../redis/url.ts'
import type { Position } from './sink.ts'
import { SocketReader } from './socket-reader.ts'
import { historiesOf, type Histories } from './timeline.ts'
import { lost, notRedis, psyncRefused, refused } from './trouble.ts'

/** Whom to follow, and how to log in there. */
export interface Source {
  readonly address: Address
  readonly access: Access
}

/** Where we say that we listen, for Sentinels and the server's own list of replicas. */
export interface Announced {
  readonly port: number
  readonly host?: string | undefined // when it is not the one that our connection comes from
}

/** Asked once it is known what the server is; a primary gets somebody who answers for us (listener.ts). */
export type Announce = (role: ServerFacts['role'], socket: Socket) => Promise<Announced | undefined>

/**
 * Without a listener. A primary shows us in its list for as long as we are there, and a Sentinel that looks keeps that
 * name for ever, unless it is no address (sentinel.c, createSentinelAddr, 6.2 to 8; only `resolve-hostnames yes` takes it).
 * Applications that read the list find nobody there, as with any replica that is down. Against FAILOVER without a
 * target it does not help: that is what the listener is for.
 */
const nobody: Announce = async (role) => (role === 'replica' ? undefined : { host: 'respite.invalid', port: 0 })

/** What a server says of itself; all undefined where the user may not ask INFO. */
export interface ServerFacts {
  readonly flavour: Flavour | undefined
  readonly version: string | undefined
  readonly role: 'primary' | 'replica' | undefined
  readonly histories: Histories | undefined
}

export type Accepted =
  | { readonly kind: 'full'; readonly replid: string; readonly offset: number }
  | { readonly kind: 'continue'; readonly replid: string }

export interface Wire {
  readonly target: string
  readonly socket: Socket
  readonly reader: SocketReader
  readonly stands: Promise<void> // until then nothing may be sent
}

const CONNECT_MS = 5_000
const SILENCE_MS = 60_000 // repl-timeout of every server by default; it PINGs every 10 s
const OLDEST_CLAIM = '9.0.0' // below it, Valkey writes RDB 11, and fails where a hash field has a TTL (valkey#4103)
const NO_COMPRESS_SINCE = [8, 6] as const // Redis; PR #14575

/** Opens the socket, with TLS where it is wanted. */
export function openWire({ address, access }: Source, clock: Clock): Wire {
  const target = showAddress(address)
  const open = (onread: OnReadOpts): Socket => openSocket(address, access, onread)
  const reader = new SocketReader({ open, clock, target, silenceMs: SILENCE_MS })
  const { socket } = reader
  const why = `no connection within ${CONNECT_MS / 1000} s`
  const timer = clock.after(CONNECT_MS, () => socket.destroy(lost(target, why)))
  const stands = new Promise<void>((resolve, reject) => {
    socket.once(access.tls === undefined ? 'connect' : 'secureConnect', resolve)
    // Stays for good: between two reads there is nobody else to hear of an error, and that would end the process.
    socket.on('error', reject)
    socket.once('close', () => reject(lost(target, 'the connection was cut')))
  }).finally(() => timer.stop())
  stands.catch(() => undefined) // whoever waits for it hears of it
  socket.setKeepAlive(true, 15_000)
  return { target, socket, reader, stands }
}

export interface HandshakeOptions {
  readonly access: Access
  readonly announce: Announce | undefined
  /** The server keeps no stream for us, need not wait for us, and does not count us among its replicas (WAIT). */
  readonly baseOnly: (facts: ServerFacts) => boolean
}

/** Everything before PSYNC. */
export async function introduce(wire: Wire, { access, announce, baseOnly }: HandshakeOptions): Promise<ServerFacts> {
  if (access.password !== undefined) {
    const login = await exchange(wire, loginBytes(access))
    if (login.startsWith('-') && !NO_PASSWORD_SET.test(login.slice(1))) throw refused(wire.target, login.slice(1))
  }
  const pong = await ask(wire, 'PING')
  if (pong.startsWith('-')) throw refused(wire.target, pong.slice(1))
  if (pong !== '+PONG') throw notRedis(wire.target, pong)
  const facts = await learn(wire)
  const announced = await (announce ?? nobody)(facts.role, wire.socket)
  await mayFail(wire, announced === undefined ? [] : ['REPLCONF', 'listening-port', String(announced.port)])
  await mayFail(wire, announced?.host === undefined ? [] : ['REPLCONF', 'ip-address', announced.host])
  await mayFail(wire, claimOf(facts))
  await mayFail(wire, hasNoCompress(facts) ? ['REPLCONF', 'rdb-no-compress', '1'] : [])
  await mayFail(wire, baseOnly(facts) ? ['REPLCONF', 'rdb-only', '1'] : [])
  // Neither rdb-channel-repl nor dual-channel (two connections), nor a compressed stream: what a server is not told
  // that we can, it does not do.
  const capable = await ask(wire, 'REPLCONF', 'capa', 'eof', 'capa', 'psync2')
  if (capable.startsWith('-')) throw psyncRefused(wire.target, capable.slice(1))
  return facts
}

/** PSYNC. Waits as long as the server gives signs of life: it may have to fork first. */
export async function requestStream(wire: Wire, from: Position | undefined): Promise<Accepted> {
  const where = from === undefined ? ['?', '-1'] : [from.replid, String(from.offset + 1)]
  const reply = await ask(wire, 'PSYNC', ...where)
  const full = /^\+FULLRESYNC ([0-9a-f]{40}) (\d{1,15})$/i.exec(reply)
  if (full !== null) return { kind: 'full', replid: full[1] as string, offset: Number(full[2]) }
  const goesOn = /^\+CONTINUE(?: ([0-9a-f]{40}))?$/i.exec(reply)
  if (goesOn !== null && from !== undefined) return { kind: 'continue', replid: goesOn[1] ?? from.replid }
  if (/^-ERR unknown command|^-NOPERM\b/i.test(reply)) throw psyncRefused(wire.target, reply.slice(1))
  if (reply.startsWith('-')) throw refused(wire.target, reply.slice(1))
  throw notRedis(wire.target, reply)
}

/** The offset that is durable here. FACK is what WAITAOF counts since 7.2; a server that does not know it looks past it. */
export function encodeAck(offset: number): string {
  return encodeCommand(['REPLCONF', 'ACK', String(offset), 'FACK', String(offset)])
}

async function learn(wire: Wire): Promise<ServerFacts> {
  const server = await askInfo(wire, 'server')
  const replication = await askInfo(wire, 'replication')
  const role = replication?.get('role')
  const isValkey = server?.get('server_name') === 'valkey' || server?.has('valkey_version') === true
  return {
    flavour: server === undefined ? undefined : isValkey ? 'valkey' : 'redis',
    version: server?.get('valkey_version') ?? server?.get('redis_version'),
    role: role === undefined ? undefined : role === 'slave' ? 'replica' : 'primary',
    histories: replication === undefined ? undefined : historiesOf(replication),
  }
}

/** Undefined where the user may not ask. */
async function askInfo(wire: Wire, section: string): Promise<Info | undefined> {
  const reply = await ask(wire, 'INFO', section)
  if (reply.startsWith('-')) return undefined
  if (!/^\$\d{1,7}$/.test(reply)) throw notRedis(wire.target, reply)
  const text = await wire.reader.exactly(Number(reply.slice(1)) + 2)
  return parseInfo(text.toString('latin1'))
}

/** To Valkey: the version whose files we can take, the server's own if it is new, so that nothing has to be left out. */
function claimOf({ flavour, version }: ServerFacts): string[] {
  if (flavour === 'redis') return []
  const isNew = version !== undefined && isAtLeast(version, [9, 0])
  return ['REPLCONF', 'version', isNew ? version : OLDEST_CLAIM]
}

function hasNoCompress({ flavour, version }: ServerFacts): boolean {
  return flavour === 'redis' && version !== undefined && isAtLeast(version, NO_COMPRESS_SINCE)
}

export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [isMajor = 0, isMinor = 0] = version.split('.').map(Number)
  return isMajor > major || (isMajor === major && isMinor >= minor)
}

/** Sends an option, or nothing; a server that does not know it serves us without. */
async function mayFail(wire: Wire, words: readonly string[]): Promise<void> {
  if (words.length > 0) await ask(wire, ...words)
}

async function ask(wire: Wire, ...words: string[]): Promise<string> {
  return exchange(wire, encodeCommand(words))
}

async function exchange({ socket, reader }: Wire, bytes: string): Promise<string> {
  socket.write(bytes)
  return reader.line()
}
