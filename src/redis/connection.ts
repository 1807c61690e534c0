// One connection to one server, by node-redis: named `respite`, logged in, never reconnecting by itself (its owner
// decides when) and never waiting without a limit. Replies are RESP2, so that every server version answers alike.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import {
  ConnectionTimeoutError,
  ErrorReply,
  RedisClient,
  SocketClosedUnexpectedlyError,
  type RedisClientOptions,
} from '@redis/client'
import { startAlarm } from '../lib/alarm.ts'
import { reasonOf } from '../lib/fault.ts'
import { answerOfError, answerOfSocketError, NO_PASSWORD_SET, type AnswerId } from './answers.ts'
import { tlsOptions } from './door.ts'
import { Patience } from './patience.ts'
import { showAddress, type Access, type Address } from './url.ts'

export type Reply = string | number | null | Reply[]

export interface Connection {
  /** Sends one command. Rejects with `Refused` for an error reply, with `Lost` when no answer comes in time. */
  send(...words: string[]): Promise<Reply>
  readonly open: boolean
  readonly waiting: number // commands sent that have no answer yet, also those whose sender gave up
  onClose(run: () => void): void // runs once, when the connection ends for whatever reason
  close(): void
}

/** The server answered with an error. */
export class Refused extends Error {
  readonly answer: AnswerId
  constructor(text: string) {
    super(text)
    this.name = 'Refused'
    this.answer = answerOfError(text)
  }
}

/** No answer: the connection was cut, or the time ran out. */
export class Lost extends Error {
  readonly answer: AnswerId
  constructor(text: string, answer: AnswerId) {
    super(text)
    this.name = 'Lost'
    this.answer = answer
  }
}

export interface ConnectOptions {
  readonly address: Address
  readonly access: Access
  readonly timeoutMs: number // for the connection and for each answer
  readonly name?: string // CLIENT SETNAME; `respite` when absent, '' for none: a busy server refuses it
}

type Options = RedisClientOptions<Record<string, never>, Record<string, never>, Record<string, never>, 2>

/** The options of node-redis for a connection that never retries by itself. */
export function clientOptions({ address, access, timeoutMs }: ConnectOptions): Options {
  const socket = {
    ...(address.path === undefined ? { host: address.host, port: address.port } : { path: address.path }),
    ...(access.tls === undefined ? {} : { tls: true, ...tlsOptions(address, access.tls) }),
    connectTimeout: timeoutMs,
    reconnectStrategy: false,
  } as NonNullable<Options['socket']>
  return {
    RESP: 2,
    ...(access.user === undefined ? {} : { username: access.user }),
    ...(access.password === undefined ? {} : { password: access.password }),
    disableOfflineQueue: true,
    disableClientInfo: true,
    commandOptions: { timeout: 0 }, // the time is kept here, once; the library's own costs a third of each command
    socket,
  }
}

/**
 * A client of one class for all. The library's createClient makes a new class of four hundred methods for each set of
 * options: a quarter of a megabyte a server, and code that the engine cannot specialise.
 */
export const makeClient = RedisClient.factory({ RESP: 2 })

/** Opens a connection. Throws `Refused` or `Lost`; `answer` says which way. */
export async function openConnection(options: ConnectOptions): Promise<Connection> {
  const opened = await NodeRedisConnection.open(options).catch(async (error: unknown) => {
    if (!(error instanceof Refused && NO_PASSWORD_SET.test(error.message))) throw error
    // A server without a password refuses a login with one, and serves us without.
    return NodeRedisConnection.open({ ...options, access: { tls: options.access.tls } })
  })
  if (options.name === '') return opened
  // A user who may not set a name is served without one; a server that is full says so in place of this answer.
  await opened.send('CLIENT', 'SETNAME', options.name ?? 'respite').catch((error: unknown) => {
    if (error instanceof Refused && (error.answer === 'noperm' || error.answer === 'error')) return
    opened.close()
    throw error
  })
  return opened
}

const MOST_REPLY_BYTES = 64 * 2 ** 20 // CLIENT LIST of a hundred thousand clients is 35 MB

class NodeRedisConnection implements Connection {
  readonly #client: ReturnType<typeof makeClient>
  readonly #timeoutMs: number
  readonly #patience: Patience
  readonly #closers: (() => void)[] = []
  #failure: Error | undefined // the first: what follows it are echoes
  #waiting = 0
  #unansweredBytes = 0 // received since the last whole reply

  static async open(options: ConnectOptions): Promise<NodeRedisConnection> {
    const made = new NodeRedisConnection(options)
    try {
      await made.#inTime(made.#connect(), `the login at ${showAddress(options.address)}`)
      return made
    } catch (error) {
      made.close()
      throw made.#explain(error)
    }
  }

  private constructor(options: ConnectOptions) {
    this.#timeoutMs = options.timeoutMs
    this.#patience = new Patience(options.timeoutMs)
    this.#client = makeClient(clientOptions(options))
    this.#client.on('error', (error: Error) => {
      // While the client is open the error is not of the socket: what was read is not what a Redis says.
      this.#fail(this.#client.isOpen ? new Lost(`not an answer of a Redis: ${error.message}`, 'not-redis') : error)
    })
  }

  #connect(): Promise<unknown> {
    const { result, socket } = withSocket(() => this.#client.connect())
    this.#client.once('connect', () => socket?.on('data', (chunk: Buffer) => this.#count(chunk.length)))
    return result
  }

  /** The library keeps whatever comes until a reply is whole; without a limit that is all memory. */
  #count(bytes: number): void {
    this.#unansweredBytes += bytes
    if (this.#unansweredBytes > MOST_REPLY_BYTES) this.#fail(new Lost('more than 64 MiB in one answer', 'not-redis'))
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.close()
    for (const run of this.#closers.splice(0)) run()
  }

  get open(): boolean {
    return this.#client.isReady
  }

  get waiting(): number {
    return this.#waiting
  }

  onClose(run: () => void): void {
    this.#closers.push(run)
  }

  close(): void {
    this.#patience.stop()
    if (this.#client.isOpen) this.#client.destroy()
  }

  /** One promise and no timer of its own: what a command costs here, every sample costs several times. */
  readonly send = (...words: string[]): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const wait = this.#patience.begin(() => reject(this.#explain(this.#late(words[0] ?? ''))))
      const end = (): void => {
        wait.isOver = true
        this.#waiting -= 1
        this.#unansweredBytes = 0
      }
      this.#waiting += 1
      this.#client.sendCommand(words).then(
        (reply) => {
          end()
          resolve(reply as unknown as Reply)
        },
        (error: unknown) => {
          end() // maybe long after the time ran out and the sender was told
          reject(this.#explain(error))
        },
      )
    })

  #late(doing: string): Lost {
    return new Lost(`no answer to ${doing} within ${this.#timeoutMs} ms`, 'silent')
  }

  async #inTime<T>(work: Promise<T>, doing: string): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const alarm = startAlarm(this.#timeoutMs, () => reject(this.#late(doing)))
    try {
      return await Promise.race([work, late])
    } finally {
      alarm.stop()
    }
  }

  #explain(error: unknown): Lost | Refused {
    if (error instanceof Lost) return error
    if (this.#failure instanceof Lost) return this.#failure
    if (error instanceof ErrorReply) return new Refused(error.message)
    const cause = this.#failure ?? error
    if (cause instanceof ErrorReply) return new Refused(cause.message)
    if (cause instanceof SocketClosedUnexpectedlyError) return new Lost('the connection was cut', 'reset')
    if (cause instanceof ConnectionTimeoutError) return new Lost('no connection in time', 'timed-out')
    return new Lost(reasonOf(cause), answerOfSocketError(cause as Error, false))
  }
}

/** The socket that is made meanwhile. The library keeps it to itself, and Node announces each new one. */
function withSocket<T>(make: () => T): { result: T; socket: Socket | undefined } {
  let socket: Socket | undefined
  const hear = (message: unknown): void => void (socket = (message as { socket: Socket }).socket)
  subscribe('net.client.socket', hear)
  try {
    return { result: make(), socket }
  } finally {
    unsubscribe('net.client.socket', hear)
  }
}
