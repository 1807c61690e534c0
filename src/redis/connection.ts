// One connection to one server: logged in, named `respite`, never reconnecting by itself (its owner decides when) and
// never waiting without a limit. It speaks RESP2, so that every server version answers alike, and it speaks it itself: to
// sample every server every few seconds is what Respite does all day, and with a client library half of what a sample
// cost was the library (docs/decisions/0013-own-connection.md). What is asked within one turn leaves in one write.

import { startAlarm } from '../lib/alarm.ts'
import { reasonOf } from '../lib/fault.ts'
import { answerOfError, answerOfSocketError, NO_PASSWORD_SET, type AnswerId } from './answers.ts'
import { openSocket } from './door.ts'
import { Patience } from './patience.ts'
import { ReplyReader, type Reply } from './reply-reader.ts'
import { encodeCommand } from './resp.ts'
import { showAddress, type Access, type Address } from './url.ts'

export type { Reply } from './reply-reader.ts'

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

/** Opens a connection, logs in and says its name. Throws `Refused` or `Lost`; `answer` says which way. */
export async function openConnection(options: ConnectOptions): Promise<Connection> {
  const opened = new OwnConnection(options)
  await opened.logIn()
  if (options.name === '') return opened
  // A user who may not set a name is served without one; a server that is full says so in place of this answer.
  await opened.send('CLIENT', 'SETNAME', options.name ?? 'respite').catch((error: unknown) => {
    if (error instanceof Refused && (error.answer === 'noperm' || error.answer === 'error')) return
    opened.close()
    throw error
  })
  return opened
}

/** A question that has no answer yet. */
interface Asked {
  readonly wait: { isOver: boolean }
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

// What has come is read before anything else comes, so all connections share the memory that Node reads into.
const arrival = Buffer.allocUnsafeSlow(65_536)
const KEEP_ALIVE_MS = 5_000 // a peer that went without a word is noticed by the system

export class OwnConnection implements Connection {
  readonly #options: ConnectOptions
  readonly #socket: ReturnType<typeof openSocket>
  readonly #hear: ((text: string) => void) | undefined
  readonly #patience: Patience
  readonly #reader = new ReplyReader((reply, refusal) => this.#answer(reply, refusal))
  readonly #asked: Asked[] = [] // oldest first
  readonly #closers: (() => void)[] = []
  #refuseLogin: (error: Error) => void = () => undefined
  #stands = false
  #failure: Lost | Refused | undefined // the first: what follows it are echoes
  #words = '' // that leave at the end of this turn

  /** Begins to connect. `hear` takes the messages of the channel that is subscribed to; nothing else comes unasked. */
  constructor(options: ConnectOptions, hear?: (text: string) => void) {
    this.#options = options
    this.#hear = hear
    this.#patience = new Patience(options.timeoutMs)
    const { address, access } = options
    const onread = { buffer: arrival, callback: (length: number): boolean => this.#read(length) }
    this.#socket = openSocket(address, access, onread).setNoDelay().setKeepAlive(true, KEEP_ALIVE_MS)
    const isTls = access.tls !== undefined
    this.#socket.on('error', (error) => this.#fail(new Lost(reasonOf(error), answerOfSocketError(error, isTls))))
    this.#socket.on('close', () => this.#fail(new Lost('the connection was cut', 'reset')))
  }

  /** Waits until the connection stands, and logs in where there is a password. Throws `Refused` or `Lost`. */
  async logIn(): Promise<void> {
    const { address, access, timeoutMs } = this.#options
    const { promise: done, resolve, reject } = Promise.withResolvers<void>()
    this.#refuseLogin = reject
    this.#socket.once(access.tls === undefined ? 'connect' : 'secureConnect', () => {
      this.#stands = true
      this.#authenticate(access).then(resolve, reject)
    })
    const alarm = startAlarm(timeoutMs, () => {
      const isConnected = !this.#socket.connecting
      reject(
        isConnected
          ? this.#late(`the login at ${showAddress(address)}`)
          : new Lost('no connection in time', 'timed-out'),
      )
    })
    try {
      await done
    } catch (error) {
      this.close()
      throw error
    } finally {
      alarm.stop()
    }
  }

  async #authenticate({ user, password }: Access): Promise<void> {
    if (password === undefined) return
    await this.send('AUTH', ...(user === undefined ? [] : [user]), password).catch((error: unknown) => {
      // A server without a password refuses a login with one, and serves us all the same.
      if (!(error instanceof Refused && NO_PASSWORD_SET.test(error.message))) throw error
    })
  }

  get open(): boolean {
    return this.#stands
  }

  get waiting(): number {
    return this.#asked.length
  }

  onClose(run: () => void): void {
    this.#closers.push(run)
  }

  close(): void {
    this.#end(new Lost('the connection was closed', 'reset'))
  }

  readonly send = (...words: string[]): Promise<Reply> =>
    new Promise((resolve, reject) => {
      if (!this.#stands) return reject(this.#failure ?? new Lost('the connection does not stand yet', 'unreachable'))
      const wait = this.#patience.begin(() => reject(this.#late(words[0] ?? '')))
      this.#asked.push({ wait, resolve, reject })
      if (this.#words === '') queueMicrotask(this.#flush)
      this.#words += encodeCommand(words)
    })

  readonly #flush = (): void => {
    if (this.#stands) this.#socket.write(this.#words)
    this.#words = ''
  }

  #read(length: number): boolean {
    try {
      if (this.#failure === undefined) this.#reader.push(arrival, length)
    } catch (error) {
      this.#fail(new Lost(reasonOf(error), 'not-redis'))
    }
    return true // go on reading
  }

  /** The answer to the oldest question, maybe long after its sender gave up. */
  #answer(reply: Reply, refusal: string | undefined): void {
    const asked = this.#asked.shift()
    if (asked === undefined) return this.#hearMessage(reply)
    asked.wait.isOver = true
    if (refusal === undefined) asked.resolve(reply)
    else asked.reject(new Refused(refusal))
  }

  #hearMessage(reply: Reply): void {
    const isMessage = Array.isArray(reply) && reply[0] === 'message' // then the channel, and the text
    if (this.#hear === undefined || !isMessage) throw new Error('an answer that nobody asked for')
    this.#hear(String(reply[2]))
  }

  #late(doing: string): Lost {
    return new Lost(`no answer to ${doing} within ${this.#options.timeoutMs} ms`, 'silent')
  }

  #fail(error: Lost): void {
    if (this.#failure !== undefined) return
    this.#end(error)
    for (const run of this.#closers.splice(0)) run()
  }

  #end(error: Lost): void {
    this.#failure ??= error
    this.#stands = false
    this.#patience.stop()
    this.#socket.destroy()
    this.#refuseLogin(this.#failure)
    for (const { wait, reject } of this.#asked.splice(0)) {
      wait.isOver = true
      reject(this.#failure)
    }
  }
}
