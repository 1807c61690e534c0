// Commands that others send to us, as arrays of bulk strings. They are a few words each; whoever sends more than 64 KiB
// without an end, or anything else, is no server and no Sentinel.

const MOST_BYTES = 65_536
const MOST_WORDS = 1_000

export class RequestReader {
  #bytes: Buffer = Buffer.alloc(0)

  /** The commands that are whole by now; undefined when this is not what we speak. */
  push(bytes: Buffer): string[][] | undefined {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    const requests: string[][] = []
    for (;;) {
      const request = this.#next()
      if (request === 'wrong') return undefined
      if (request === undefined) return this.#bytes.length > MOST_BYTES ? undefined : requests
      requests.push(request)
    }
  }

  #next(): string[] | 'wrong' | undefined {
    const count = this.#number(0, 0x2a)
    if (typeof count !== 'object') return count
    if (count.value > MOST_WORDS) return 'wrong'
    const words: string[] = []
    let at = count.next
    while (words.length < count.value) {
      const length = this.#number(at, 0x24)
      if (typeof length !== 'object') return length
      if (length.value > MOST_BYTES) return 'wrong'
      const end = length.next + length.value
      if (end + 2 > this.#bytes.length) return undefined
      words.push(this.#bytes.toString('utf8', length.next, end))
      at = end + 2
    }
    this.#bytes = this.#bytes.subarray(at)
    return words
  }

  /** A line of `type` and a number. */
  #number(at: number, type: number): { value: number; next: number } | 'wrong' | undefined {
    if (at >= this.#bytes.length) return undefined
    if (this.#bytes[at] !== type) return 'wrong'
    const end = this.#bytes.indexOf('\r\n', at)
    if (end === -1) return this.#bytes.length - at > 16 ? 'wrong' : undefined
    const text = this.#bytes.toString('latin1', at + 1, end)
    return /^\d{1,7}$/.test(text) ? { value: Number(text), next: end + 2 } : 'wrong'
  }
}
