// A connection for reading many values: replies are bytes, since a key or a value may be anything, and a long value is
// handed on in pieces as it comes instead of being held. Whoever reads slowly holds back the server by no more than what
// he asked for.

import type { Clock } from '../lib/clock.ts'
import { allowOnlyReads } from '../redis/archive-commands.ts'
import { NO_PASSWORD_SET } from '../redis/answers.ts'
import { loginBytes } from '../redis/door.ts'
import { encodeBytes } from '../redis/resp.ts'
import { openWire, type Source, type Wire } from '../replication/handshake.ts'
import { notRedis, refused } from '../replication/trouble.ts'

/** A reply: bulk strings are bytes, simple strings text, an error a `WireError`. */
export type WireReply = Buffer | string | number | null | WireError | readonly WireReply[]

export class WireError {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export class ReplyWire {
  readonly target: string
  readonly #wire: Wire
  readonly #signal: AbortSignal
  readonly #cut = (): void => void this.#wire.socket.destroy()

  /** Connects and logs in. Throws a Fault, or the error of the socket. */
  static async open(source: Source, clock: Clock, signal: AbortSignal): Promise<ReplyWire> {
    signal.throwIfAborted()
    const made = new ReplyWire(openWire(source, clock), signal)
    try {
      await made.#wire.stands
      await made.#login(source)
      return made
    } catch (error) {
      made.close()
      throw error
    }
  }

  private constructor(wire: Wire, signal: AbortSignal) {
    this.#wire = wire
    this.#signal = signal
    this.target = wire.target
    signal.addEventListener('abort', this.#cut)
  }

  async #login({ access }: Source): Promise<void> {
    const bytes = loginBytes(access)
    if (bytes !== '') {
      this.#wire.socket.write(bytes)
      const reply = await this.reply()
      if (reply instanceof WireError && !NO_PASSWORD_SET.test(reply.text)) throw refused(this.target, reply.text)
    }
    // A user who may not set a name, or a version that does not know it, is served without one.
    await this.ask('CLIENT', 'SETNAME', 'respite-backup')
  }

  /** Sends commands at once; their replies are read in their order. Nothing but reads is sent. */
  send(commands: readonly (readonly (string | Buffer)[])[]): void {
    for (const words of commands) allowOnlyReads(words)
    this.#wire.socket.write(Buffer.concat(commands.map(encodeBytes)))
  }

  async ask(...words: (string | Buffer)[]): Promise<WireReply> {
    this.send([words])
    return this.reply()
  }

  /** The next reply, whole. */
  async reply(): Promise<WireReply> {
    const line = await this.line()
    const rest = line.slice(1)
    if (line.startsWith('+')) return rest
    if (line.startsWith('-')) return new WireError(rest)
    if (line.startsWith(':')) return Number(rest)
    if (/^[$*]-1$/.test(line)) return null
    if (/^\$\d{1,10}$/.test(line)) return this.bytes(Number(rest))
    if (!/^\*\d{1,9}$/.test(line)) throw notRedis(this.target, line)
    const replies: WireReply[] = []
    for (let left = Number(rest); left > 0; left -= 1) replies.push(await this.reply())
    return replies
  }

  /** The next line of the protocol, for those who take a reply apart. */
  line(): Promise<string> {
    this.#signal.throwIfAborted()
    return this.#wire.reader.line()
  }

  /** A bulk string of that length, and the line's end behind it. */
  async bytes(length: number): Promise<Buffer> {
    const bytes = await this.#wire.reader.exactly(length + 2)
    return bytes.subarray(0, length)
  }

  /** The same in pieces, of which none is kept. */
  async *pieces(length: number): AsyncGenerator<Buffer> {
    for (let missing = length; missing > 0;) {
      const chunk = await this.#wire.reader.chunk()
      const piece = chunk.subarray(0, missing)
      this.#wire.reader.unread(chunk.subarray(piece.length))
      missing -= piece.length
      yield piece
    }
    await this.#wire.reader.exactly(2)
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#cut)
    this.#wire.socket.destroy()
  }
}

/** Is this reply that of a user who lacks a command, a key, or of a server without the command? */
export function whyRefused(reply: WireReply): 'command' | 'key' | 'unknown' | undefined {
  if (!(reply instanceof WireError)) return undefined
  if (/\bNOPERM\b.*\bkeys?\b/i.test(reply.text)) return 'key'
  if (/\bNOPERM\b/i.test(reply.text)) return 'command'
  return /^ERR unknown (?:sub)?command/i.test(reply.text) ? 'unknown' : undefined
}
