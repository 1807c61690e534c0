// Bytes that are kept as they stand in the RDB while it goes by: up to a limit, and not at all past it.

export class Keep {
  readonly #limit: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(part: Uint8Array): void {
    this.#bytes += part.length
    if (this.#bytes <= this.#limit) this.#parts.push(Buffer.from(part))
    else this.#parts = []
  }

  /** All of them in one, or undefined when they were too many. */
  take(): Buffer | undefined {
    return this.#bytes <= this.#limit ? Buffer.concat(this.#parts) : undefined
  }
}
