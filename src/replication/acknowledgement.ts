// Tells the server every second up to where its stream is durable here. It says no more than that: WAIT, and WAITAOF
// since 7.2, are then a receipt of the archive. It says it even while nothing is durable, since a replica that is silent
// for repl-timeout is cut off, and a server that sent its dataset straight from its child process sends no stream before
// the first word of ours; that one may come too early to be heard (replication.c of Redis 7.0, replconfCommand), so the
// first few come quickly.

import type { Clock, Timer } from '../lib/clock.ts'

const EVERY_MS = 1_000
const FIRST_MS = 100
const FIRST_ONES = 8

export class Acknowledgement {
  readonly #clock: Clock
  readonly #send: (offset: number) => void
  #durable: number
  #said = -1
  #wanted = -1 // behind a GETACK that is not answered in full yet
  #times = 0
  #timer: Timer | undefined

  /** Says `durable` at once and then every second, until `stop`. */
  constructor(clock: Clock, durable: number, send: (offset: number) => void) {
    this.#clock = clock
    this.#durable = durable
    this.#send = send
    this.#say()
  }

  /** More is durable. Said at once while somebody waits for it. */
  advance(offset: number): void {
    if (offset <= this.#durable) return
    this.#durable = offset
    if (this.#wanted > this.#said) this.#say()
  }

  /** The server asks for an answer now (GETACK). What is durable is said at once, and the rest as it becomes so. */
  want(offset: number): void {
    this.#wanted = offset
    this.#say()
  }

  /** The stream has begun: there is no more need to hurry. */
  heard(): void {
    this.#times = FIRST_ONES
  }

  stop(): void {
    this.#timer?.stop()
    this.#timer = undefined
    this.#wanted = -1
  }

  #say(): void {
    this.#timer?.stop()
    this.#said = this.#durable
    this.#send(this.#durable)
    this.#times += 1
    this.#timer = this.#clock.after(this.#times < FIRST_ONES ? FIRST_MS : EVERY_MS, () => this.#say())
  }
}
