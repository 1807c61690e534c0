// Reads one socket in turns: a line, so many bytes, or whatever has come. Nothing is read ahead of what is asked for
// but the one chunk that the system hands out, so a reader who takes his time holds back the sender and not our memory.
//
// All bytes land in one piece of memory, and what is handed out is that memory itself. With a buffer for each read, as
// sockets do it by themselves, a stream of commands costs three times as much: it is the collector's work, not reading.

import type { OnReadOpts, Socket } from 'node:net'
import type { Clock } from '../lib/clock.ts'
import { lost, notRedis } from './trouble.ts'

const MOST_LINE_BYTES = 65_536
const READ_BYTES = 1024 * 1024 // at most at once
// TCP stops when it is told, so that one place would do for it. TLS goes on with what it has deciphered, 80 KiB at most:
// those bytes must not lie where the chunk is that is looked at. So small chunks lie behind each other up to here.
const SMALL_BYTES = 128 * 1024

export interface ReaderOptions {
  readonly open: (onread: OnReadOpts) => Socket
  readonly clock: Clock
  readonly target: string // for Faults
  readonly silenceMs: number // that long without a byte while we wait for one, and the connection counts as dead
}

export class SocketReader {
  readonly socket: Socket
  readonly #options: ReaderOptions
  readonly #memory = Buffer.allocUnsafeSlow(SMALL_BYTES + READ_BYTES)
  #at = 0 // in it: where the next bytes go
  #unread: Buffer[] = []
  #failure: Error | undefined
  #wake: (() => void) | undefined
  #gatherMs = 0
  #readAt = Number.NEGATIVE_INFINITY // monotonic ms
  #wasFull = false // the last read: there is more

  constructor(options: ReaderOptions) {
    this.#options = options
    this.socket = options.open({ buffer: () => this.#place(), callback: (bytes, buffer) => this.#take(bytes, buffer) })
    this.socket.once('error', (error) => this.#fail(error))
    for (const end of ['end', 'close'])
      this.socket.once(end, () => this.#fail(lost(options.target, 'the server closed the connection')))
  }

  /** From now on bytes are let come for so long between two reads: fewer and larger chunks cost both sides less. */
  gather(ms: number): void {
    this.#gatherMs = ms
  }

  /**
   * The bytes that are there, at least one; they are good until the next are asked for. Throws a Fault at the end and
   * after a silence, a socket's error as it is.
   */
  async chunk(): Promise<Buffer> {
    if (this.#unread.length === 0 && this.#failure === undefined) await this.#read()
    const chunk = this.#unread.shift()
    if (chunk !== undefined) return chunk
    throw this.#failure ?? new Error('woken without a reason')
  }

  /** Gives back what was read too far. */
  unread(bytes: Buffer): void {
    if (bytes.length > 0) this.#unread.unshift(bytes)
  }

  /** A line without its end. Empty lines are a server's sign of life while it prepares, and are passed over. */
  async line(): Promise<string> {
    let line = ''
    for (;;) {
      const chunk = await this.chunk()
      const end = chunk.indexOf(0x0a)
      line += chunk.toString('latin1', 0, end === -1 ? chunk.length : end)
      if (line.length > MOST_LINE_BYTES) throw notRedis(this.#options.target, line)
      if (end === -1) continue
      this.unread(chunk.subarray(end + 1))
      line = line.endsWith('\r') ? line.slice(0, -1) : line
      if (line !== '') return line
    }
  }

  /** So many bytes, for replies that are small; they stay as they are. */
  async exactly(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = []
    let missing = bytes
    while (missing > 0) {
      const chunk = await this.chunk()
      parts.push(Buffer.from(chunk.subarray(0, missing)))
      this.unread(chunk.subarray(missing))
      missing -= Math.min(missing, chunk.length)
    }
    return Buffer.concat(parts)
  }

  /** Bytes that Node has read from the system and we have not. */
  get waitingBytes(): number {
    return this.#unread.reduce((sum, { length }) => sum + length, 0)
  }

  async #read(): Promise<void> {
    const { clock, target, silenceMs } = this.#options
    const restMs = this.#wasFull ? 0 : this.#readAt + this.#gatherMs - clock.monotonic()
    if (restMs > 0) await new Promise<void>((resolve) => void clock.after(restMs, resolve))
    const timer = clock.after(silenceMs, () => {
      this.socket.destroy(lost(target, `not a byte for ${Math.round(silenceMs / 1000)} s`))
    })
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.socket.resume()
      if (this.#failure !== undefined) resolve()
    })
    timer.stop()
  }

  #place(): Buffer {
    if (this.#at > SMALL_BYTES) this.#at = 0
    return this.#memory.subarray(this.#at, this.#at + READ_BYTES)
  }

  /** Stops reading until somebody asks. */
  #take(bytes: number, buffer: Uint8Array): boolean {
    this.#unread.push(Buffer.from(buffer.buffer, buffer.byteOffset, bytes))
    this.#at += bytes
    this.#wasFull = bytes === buffer.length
    if (this.#gatherMs > 0) this.#readAt = this.#options.clock.monotonic()
    this.#wake?.()
    return false
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake?.()
  }
}
