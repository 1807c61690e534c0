// The memory in which the stream waits for its segment: slabs that are filled, handed over with what is in them, and taken
// back to be filled again. A flood allocates nothing that way; with a buffer for each chunk, the collector's work is
// several times that of everything else.

const SLAB_BYTES = 2 * 1024 * 1024
const SPARE_SLABS = 16 // of large segments two; more of them go back to the system

interface Slab {
  readonly memory: Buffer
  readonly start: number // offset of its first byte
  used: number
}

/** Bytes whose memory is used again when all who hold it have let go; until somebody does, it is as any other. */
export interface Held {
  /** The bytes from one offset to another, in their order. */
  view(from: number, to: number): Buffer[]
  hold(): void
  letGo(): void
}

export class StreamMemory {
  #slabs: Slab[] = []
  #end: number // offset
  readonly #spare: Buffer[] = []

  /** `offset` is that of the first byte that will come. */
  constructor(offset: number) {
    this.#end = offset
  }

  append(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      let slab = this.#slabs.at(-1)
      if (slab === undefined || slab.used === SLAB_BYTES) {
        slab = { memory: this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES), start: this.#end, used: 0 }
        this.#slabs.push(slab)
      }
      const copied = bytes.copy(slab.memory, slab.used, at)
      slab.used += copied
      this.#end += copied
      at += copied
    }
  }

  /** Forgets what lies behind this offset. */
  truncate(offset: number): void {
    this.#end = Math.min(this.#end, offset)
    const kept = this.#slabs.filter(({ start }) => start < offset)
    this.#giveBack(this.#slabs.slice(kept.length))
    this.#slabs = kept
    const last = kept.at(-1)
    if (last !== undefined) last.used = Math.min(last.used, offset - last.start)
  }

  /** Hands over everything up to this offset. What lies behind it, in most cases less than a command, is copied. */
  take(offset: number): Held {
    const slabs = this.#slabs
    const end = this.#end
    this.#slabs = []
    this.#end = offset
    for (const rest of viewOf(slabs, offset, end)) this.append(rest)
    let holders = 1
    return {
      view: (from, to) => viewOf(slabs, from, to),
      hold: () => void (holders += 1),
      letGo: () => {
        holders -= 1
        if (holders === 0) this.#giveBack(slabs)
      },
    }
  }

  #giveBack(slabs: readonly Slab[]): void {
    for (const { memory } of slabs) if (this.#spare.length < SPARE_SLABS) this.#spare.push(memory)
  }
}

function viewOf(slabs: readonly Slab[], from: number, to: number): Buffer[] {
  return slabs
    .filter(({ start, used }) => start < to && start + used > from)
    .map(({ memory, start, used }) => memory.subarray(Math.max(0, from - start), Math.min(used, to - start)))
}
