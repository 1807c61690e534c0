// Bytes from somebody who pushes to somebody who pulls, with a bound: a writer waits while more than that is unread. What
// is written is copied, small chunks into one, since the writer's memory is used again and the reader works by the chunk.
// A chunk is good until the next is asked for: its memory, too, is used again.

const CHUNK_BYTES = 256 * 1024

interface Chunk {
  readonly bytes: Buffer
  used: number
}

export class ChunkQueue implements AsyncIterable<Buffer> {
  readonly #mostBytes: number
  #chunks: Chunk[] = []
  readonly #spare: Buffer[] = [] // no more of them than were ever filled at once
  #bytes = 0
  #ended = false
  #error: Error | undefined
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** Takes a copy; the promise, where there is one, is fulfilled when there is room again, or nobody reads any more. */
  write(bytes: Buffer): Promise<void> | undefined {
    if (this.#ended) return undefined
    for (let at = 0; at < bytes.length;) at += this.#fill(bytes, at)
    this.#bytes += bytes.length
    this.#wakeReader?.()
    if (this.#bytes <= this.#mostBytes) return undefined
    return new Promise((resolve) => {
      this.#wakeWriter = resolve
    })
  }

  end(): void {
    this.#ended = true
    this.#wakeReader?.()
  }

  /** The reader gets this error behind what it has read so far. */
  fail(error: Error): void {
    this.#error = error
    this.#chunks = []
    this.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) {
        yield chunk.bytes.subarray(0, chunk.used)
        this.#spare.push(chunk.bytes)
      }
    } finally {
      this.#ended = true
      this.#wakeWriter?.()
    }
  }

  /** Copies as much as fits into the last chunk, or into a new one. */
  #fill(bytes: Buffer, from: number): number {
    let chunk = this.#chunks.at(-1)
    if (chunk === undefined || chunk.used === chunk.bytes.length) {
      chunk = { bytes: this.#spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES), used: 0 }
      this.#chunks.push(chunk)
    }
    const copied = bytes.copy(chunk.bytes, chunk.used, from)
    chunk.used += copied
    return copied
  }

  async #next(): Promise<Chunk | undefined> {
    while (this.#chunks.length === 0 && !this.#ended)
      await new Promise<void>((resolve) => void (this.#wakeReader = resolve))
    if (this.#error !== undefined) throw this.#error
    const chunk = this.#chunks.shift()
    this.#bytes -= chunk?.used ?? 0
    if (this.#bytes <= this.#mostBytes / 2) this.#wakeWriter?.()
    return chunk
  }
}
