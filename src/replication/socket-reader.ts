// Reads one socket in turns: a line, so many bytes, or whatever has come. Nothing is read ahead of what is asked for
// but the one chunk that the system hands out, so a reader who takes his time holds back the sender and not our memory.

import type { Socket } from 'node:net'
import type { Clock } from '../lib/clock.ts'
import { lost, notRedis } from './trouble.ts'

const MOST_LINE_BYTES = 65_536

export interface ReaderOptions {
  readonly socket: Socket
  readonly clock: Clock
  readonly target: string // for Faults
  readonly silenceMs: number // that long without a byte while we wait for one, and the connection counts as dead
}

export class SocketReader {
  readonly #options: ReaderOptions
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer | undefined

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#chunks = options.socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** The bytes that are there, at least one. Throws a Fault at the end and after a silence, a socket's error as it is. */
  async chunk(): Promise<Buffer> {
    const rest = this.#rest
    if (rest !== undefined) {
      this.#rest = undefined
      return rest
    }
    const { socket, clock, target, silenceMs } = this.#options
    const timer = clock.after(silenceMs, () => {
      socket.destroy(lost(target, `not a byte for ${Math.round(silenceMs / 1000)} s`))
    })
    try {
      const next = await this.#chunks.next()
      if (next.done) throw lost(target, 'the server closed the connection')
      return next.value
    } finally {
      timer.stop()
    }
  }

  /** Gives back what was read too far. */
  unread(bytes: Buffer): void {
    if (bytes.length > 0) this.#rest = bytes
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

  /** So many bytes, for replies that are small. */
  async exactly(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = []
    let missing = bytes
    while (missing > 0) {
      const chunk = await this.chunk()
      parts.push(chunk.subarray(0, missing))
      this.unread(chunk.subarray(missing))
      missing -= Math.min(missing, chunk.length)
    }
    return Buffer.concat(parts)
  }

  /** Bytes that Node has read from the system and we have not. */
  get waitingBytes(): number {
    return (this.#rest?.length ?? 0) + this.#options.socket.readableLength
  }
}
