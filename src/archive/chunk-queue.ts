// Chunks from somebody who pushes to somebody who pulls, with a bound: a writer waits while more than that is unread.

export class ChunkQueue implements AsyncIterable<Buffer> {
  readonly #mostBytes: number
  #chunks: Buffer[] = []
  #bytes = 0
  #ended = false
  #error: Error | undefined
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** Takes the chunk; the promise, where there is one, is fulfilled when there is room again, or nobody reads any more. */
  write(chunk: Buffer): Promise<void> | undefined {
    if (this.#ended) return undefined
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
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
      for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) yield chunk
    } finally {
      this.#ended = true
      this.#wakeWriter?.()
    }
  }

  async #next(): Promise<Buffer | undefined> {
    while (this.#chunks.length === 0 && !this.#ended)
      await new Promise<void>((resolve) => void (this.#wakeReader = resolve))
    if (this.#error !== undefined) throw this.#error
    const chunk = this.#chunks.shift()
    this.#bytes -= chunk?.length ?? 0
    if (this.#bytes <= this.#mostBytes / 2) this.#wakeWriter?.()
    return chunk
  }
}
