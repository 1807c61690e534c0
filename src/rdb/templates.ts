// The hash templates of one RDB (Redis 8.10): hashes that have the same fields name a template instead of the fields. Passing
// over such a hash needs to know how many fields that are, decoding it their names.

const MOST_TEMPLATES = 100_000 // a file with more of them is none that a server wrote
const MOST_BYTES = 32 * 1024 * 1024 // of their names; hashes of the templates past that are not decoded

/** The hash templates of one file: how many fields each has. */
export class Templates {
  readonly #fields = new Map<number, number>()
  readonly #definitions = new Map<number, Buffer>()
  #bytes = 0

  fieldsOf(id: number): number | undefined {
    return this.#fields.get(id)
  }

  /** False when there is one of that id already, or there are too many. */
  add(id: number, fields: number): boolean {
    if (this.#fields.has(id) || this.#fields.size >= MOST_TEMPLATES) return false
    this.#fields.set(id, fields)
    return true
  }

  /** Keeps what stands behind the opcode of a template: its id, the number of its fields, their names. */
  define(id: number, bytes: Buffer): void {
    this.#bytes += bytes.length
    if (this.#bytes <= MOST_BYTES) this.#definitions.set(id, bytes)
  }

  definitionOf(id: number): Buffer | undefined {
    return this.#definitions.get(id)
  }
}
