// What is the same for every server of this machine: its kernel, its firewall. It is looked at once for all of them, and
// while nothing is wrong not again for a while: each program that it takes is a fork of the whole daemon.

export class Machine {
  readonly #looks = new Map<string, { readonly atMs: number; readonly found: Promise<unknown> }>()

  /** What the last look found, when that began no longer ago; else a new one. One that failed is not kept. */
  look<T>(key: string, maxAgeMs: number, look: () => Promise<T>): Promise<T> {
    const atMs = performance.now()
    const last = this.#looks.get(key)
    if (last !== undefined && atMs - last.atMs <= maxAgeMs) return last.found as Promise<T>
    const found = look()
    this.#looks.set(key, { atMs, found })
    found.catch(() => this.#looks.delete(key))
    return found
  }
}
