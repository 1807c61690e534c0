// Which keys were read already. SCAN may hand out a key twice when the server's table changes its size meanwhile, and a
// server refuses an RDB that has a key twice. Kept is a hash of 64 bits, salted so that nobody can choose keys that
// collide: 16 bytes of memory or less for each key, and of a billion keys one would be taken for another with a
// probability of three in a hundred; of ten million, of three in a million.

import { hash, randomBytes } from 'node:crypto'

const FIRST_SLOTS = 1 << 12

export class SeenKeys {
  readonly #salt = randomBytes(16)
  #slots = new Uint32Array(2 * FIRST_SLOTS) // two halves of a hash; both 0: free
  #count = 0

  /** True the first time. */
  add(key: Buffer): boolean {
    const digest = hash('sha1', Buffer.concat([this.#salt, key]), 'buffer')
    const low = digest.readUInt32LE(0)
    const high = digest.readUInt32LE(4) || 1
    if (this.#count * 4 > this.#slots.length) this.#grow() // at most half of the slots are taken
    if (!this.#put(low, high)) return false
    this.#count += 1
    return true
  }

  #put(low: number, high: number): boolean {
    const slots = this.#slots
    const mask = slots.length / 2 - 1
    for (let at = low & mask; ; at = (at + 1) & mask) {
      if (slots[2 * at + 1] === 0) {
        slots[2 * at] = low
        slots[2 * at + 1] = high
        return true
      }
      if (slots[2 * at] === low && slots[2 * at + 1] === high) return false
    }
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(2 * old.length)
    for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) this.#put(old[at] ?? 0, old[at + 1] ?? 0)
  }
}
