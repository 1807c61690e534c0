// Keeps one server in sight. Two things run side by side:
//
// - the door: once a second a new client connects, logs in and says PING, because what a new client meets (refused, full,
//   another password, silence) cannot be seen from a connection that is already in;
// - the reserved connection: opened once, named, and kept. It goes on working when the server is full or its password
//   has changed, and the moment it is cut is the first sign that a process died. Where the way to the server is closed
//   and its unix socket is on this machine, it goes over that: the second path.
//
// The reserved connection is in one of these states:
//   closed   nothing is open; a door that led somewhere, or the back-off's end, leads to `opening`
//   opening  one attempt is under way
//   open     questions are answered; ends in `closed` when the connection is cut, or when the door works and a question
//            has had no answer for fifteen seconds (half open: the other end forgot us)

import type { Clock, Timer } from '../lib/clock.ts'
import { askOf, type Ask } from '../redis/ask.ts'
import type { Answer, AnswerId } from '../redis/answers.ts'
import { ANSWERS } from '../redis/answers.ts'
import { openConnection, type Connection } from '../redis/connection.ts'
import { parseInfo } from '../redis/info.ts'
import type { Access, Address } from '../redis/url.ts'
import { lookAtAnswer, type Remembered } from './look-at-answer.ts'
import { makePace } from './pace.ts'

export interface WatchServerOptions {
  readonly address: Address
  readonly access: Access
  readonly clock: Clock
  readonly everyMs: number // liveness
  readonly supervisor: string | undefined // what starts it, as configured
  readonly phaseMs: number // between the first attempt and the second: a fleet is not asked all at once for ever
  readonly onAnswer: (answer: Answer) => void
  readonly onOpen: (ask: Ask) => void // the reserved connection is (again) there
  readonly onTick: () => void // after each attempt
}

const HALF_OPEN_MS = 15_000
const ASK_TIMEOUT_MS = 3_000
const OPEN_AGAIN_MOST_MS = 5_000

export class ServerWatch {
  readonly #options: WatchServerOptions
  readonly #pace = makePace()
  #door: Answer | undefined
  #write: Answer | undefined // the canary's, unless it is ok
  #shown: Answer | undefined
  #since: number
  #sameAnswers = 0
  #spread = false // was the second attempt put into its place
  #knocking = false
  #timer: Timer | undefined
  #stopped = false
  #remembered: Remembered = {}
  #connection: Connection | undefined
  #ask: Ask | undefined
  #opening = false
  #openAgainAt = 0 // monotonic
  #failures = 0
  #lastHeard = 0 // monotonic

  constructor(options: WatchServerOptions) {
    this.#options = options
    this.#remembered = { supervisor: options.supervisor }
    this.#since = options.clock.now()
    this.#timer = options.clock.after(0, () => void this.#tick())
  }

  /** What a new client meets; undefined until the first attempt has ended. */
  get answer(): Answer | undefined {
    return this.#shown
  }

  /** Epoch milliseconds since when the answer is what it is. */
  get since(): number {
    return this.#since
  }

  /** Asks through the reserved connection; undefined while there is none. */
  get ask(): Ask | undefined {
    return this.#ask
  }

  /** Is the reserved connection being opened? */
  get opening(): boolean {
    return this.#opening
  }

  /** Keeps what helps to look at the server while it cannot be asked. */
  remember(what: Remembered): void {
    this.#remembered = { ...this.#remembered, ...what }
  }

  /** What a write met; it counts while the door itself is ok. */
  noteWrite(answer: Answer | undefined): void {
    const next = answer?.id === 'ok' ? undefined : answer
    if (next === undefined && this.#write === undefined) return
    this.#write = next
    this.#show()
  }

  knockNow(): void {
    if (this.#stopped || this.#knocking) return
    this.#timer?.stop()
    void this.#tick()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.stop()
    this.#connection?.close()
  }

  async #tick(): Promise<void> {
    const { address, access, clock, onTick } = this.#options
    this.#knocking = true
    const started = clock.monotonic()
    const answer = await lookAtAnswer(address, access, this.#pace.patience(), this.#remembered, this.#ask)
    if (this.#stopped) return
    this.#pace.note(answer)
    this.#sameAnswers = answer.id === this.#door?.id ? this.#sameAnswers + 1 : 0
    this.#door = answer
    this.#show()
    this.#dropHalfOpen()
    if (leadsIn(answer.id)) void this.#open(this.#options.address)
    else if (isCutOff(answer.id) && this.#remembered.unixSocket !== undefined)
      void this.#open({ path: this.#remembered.unixSocket })
    onTick()
    this.#knocking = false // not before: whoever hears of this attempt must not begin a second row of them
    this.#timer = clock.after(this.#nextDelay(clock.monotonic() - started), () => void this.#tick())
  }

  #show(): void {
    const next = this.#door?.id === 'ok' && this.#write !== undefined ? this.#write : this.#door
    if (next === undefined) return
    if (next.id !== this.#shown?.id) this.#since = this.#options.clock.now()
    this.#shown = next
    this.#options.onAnswer(next)
  }

  // A server that suffers is asked less often: after ten equal failures every two seconds, after thirty every five.
  // Logins that are refused slow down sooner, since each one is written into the server's ACL LOG.
  #nextDelay(tookMs: number): number {
    const { everyMs } = this.#options
    const id = this.#door?.id
    const weight = id === 'ok' ? 0 : id === 'wrongpass' || id === 'noauth' ? 5 : 1
    if (!this.#spread) {
      this.#spread = true
      return Math.max(everyMs / 5, this.#options.phaseMs)
    }
    const suffered = this.#sameAnswers * weight
    const interval = suffered >= 30 ? 5 * everyMs : suffered >= 10 ? 2 * everyMs : everyMs
    return Math.max(everyMs / 5, interval - tookMs)
  }

  async #open(address: Address): Promise<void> {
    const { access, clock, onOpen } = this.#options
    if (this.#opening || this.#connection !== undefined || clock.monotonic() < this.#openAgainAt) return
    this.#opening = true
    try {
      const plain = address.path === undefined ? access : { ...access, tls: undefined } // a socket file has no TLS
      const opened = await openConnection({ address, access: plain, timeoutMs: ASK_TIMEOUT_MS })
      if (this.#stopped) return opened.close()
      if (address !== this.#options.address) await this.#demandSameServer(opened)
      this.#failures = 0
      this.#lastHeard = clock.monotonic()
      this.#connection = opened
      this.#ask = askOf((...words) => this.#send(opened, words))
      opened.onClose(() => this.#lose(opened))
      onOpen(this.#ask)
    } catch {
      // Why it failed is what the door says; here only the pace matters.
      this.#failures += 1
      this.#openAgainAt = clock.monotonic() + Math.min(OPEN_AGAIN_MOST_MS, 500 * 2 ** this.#failures)
    } finally {
      this.#opening = false
    }
  }

  /** The socket file of that name on this machine may be another server's: the one we know is elsewhere, or gone. */
  async #demandSameServer(opened: Connection): Promise<void> {
    const info = parseInfo(String(await opened.send('INFO', 'server').catch(() => '')))
    if (info.get('run_id') === this.#remembered.runId && !this.#stopped) return
    opened.close()
    throw new Error('another server listens there')
  }

  async #send(opened: Connection, words: string[]): ReturnType<Connection['send']> {
    const reply = await opened.send(...words)
    this.#lastHeard = this.#options.clock.monotonic()
    return reply
  }

  #lose(lost: Connection): void {
    if (this.#connection !== lost) return
    this.#connection = undefined
    this.#ask = undefined
    this.knockNow() // a cut connection is the first sign of a death
  }

  #dropHalfOpen(): void {
    const connection = this.#connection
    if (connection === undefined || this.#door?.id !== 'ok' || connection.waiting === 0) return
    if (this.#options.clock.monotonic() - this.#lastHeard < HALF_OPEN_MS) return
    this.#connection = undefined
    this.#ask = undefined
    connection.close()
  }
}

/** Is it worth trying to open the reserved connection after this answer? */
function leadsIn(answer: AnswerId): boolean {
  return ANSWERS[answer].alive === true && answer !== 'wrongpass' && answer !== 'noauth' && answer !== 'denied'
}

/** Is the server perhaps well, and only the way to it closed? */
function isCutOff(answer: AnswerId): boolean {
  return answer === 'refused' || answer === 'timed-out' || answer === 'unreachable' || answer === 'denied'
}
