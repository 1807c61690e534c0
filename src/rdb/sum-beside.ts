// Sums up in a thread of its own, while this one goes on: of a large file the checksum is half of the work. The bytes are
// copied into slots of memory that both threads see, in turn; when all slots are full, this thread waits for the other.
// For a command that has nothing else to do, not for the daemon: that waiting holds up everything.

import { Worker } from 'node:worker_threads'
import type { Sum } from './crc64.ts'

export const SLOTS = 8
export const SLOT_BYTES = 512 * 1024

// Places of the shared numbers.
export const FILLED = 0 // slots that were filled, from the beginning
export const SUMMED = 1 // slots that were summed up
export const LOW = 2 // the sum of those
export const HIGH = 3
export const LENGTHS = 4 // of the slots

/** Told to the other thread as FILLED: there is no more to do. */
export const STOP = -1

const PATIENCE_MS = 60_000 // for one slot: a thousand times what it takes

export interface SharedSum {
  readonly numbers: Int32Array
  readonly bytes: Uint8Array
}

export class SumBeside implements Sum {
  readonly #numbers = new Int32Array(new SharedArrayBuffer(4 * (LENGTHS + SLOTS)))
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(SLOTS * SLOT_BYTES))
  readonly #worker: Worker
  #filled = 0
  #used = 0 // bytes of the slot that is being filled

  constructor() {
    const shared: SharedSum = { numbers: this.#numbers, bytes: this.#bytes }
    this.#worker = new Worker(new URL('sum-thread.ts', import.meta.url), { workerData: shared })
    this.#worker.unref()
  }

  add(bytes: Uint8Array, from = 0, to = bytes.length): void {
    for (let at = from; at < to;) {
      if (this.#used === 0) this.#waitUntil(this.#filled - SLOTS + 1)
      const part = bytes.subarray(at, Math.min(to, at + SLOT_BYTES - this.#used))
      this.#bytes.set(part, (this.#filled % SLOTS) * SLOT_BYTES + this.#used)
      this.#used += part.length
      at += part.length
      if (this.#used === SLOT_BYTES) this.#handOver()
    }
  }

  digest(): Buffer {
    if (this.#used > 0) this.#handOver()
    this.#waitUntil(this.#filled)
    const bytes = Buffer.alloc(8)
    bytes.writeInt32LE(this.#numbers[LOW] ?? 0, 0)
    bytes.writeInt32LE(this.#numbers[HIGH] ?? 0, 4)
    return bytes
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    Atomics.store(this.#numbers, FILLED, STOP)
    Atomics.notify(this.#numbers, FILLED)
    await this.#worker.terminate()
  }

  #handOver(): void {
    this.#numbers[LENGTHS + (this.#filled % SLOTS)] = this.#used
    this.#used = 0
    this.#filled += 1
    Atomics.store(this.#numbers, FILLED, this.#filled)
    Atomics.notify(this.#numbers, FILLED)
  }

  #waitUntil(summed: number): void {
    for (;;) {
      const now = Atomics.load(this.#numbers, SUMMED)
      if (now >= summed) return
      if (Atomics.wait(this.#numbers, SUMMED, now, PATIENCE_MS) === 'timed-out')
        throw new Error('the thread that sums up does not answer')
    }
  }
}
