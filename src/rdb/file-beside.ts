// Reads a file and sums it up in a thread of its own, while this one looks at what was read: of a large RDB the checksum is
// half of the work. Both threads see the same memory, which is cut into slots that are filled in turn; nothing is copied.
// Until the other thread stands (it takes as long as some ten megabytes), this one does both.
//
// The other thread sums up all but the last eight bytes, since that is where the checksum of a whole RDB stands. When it
// turns out that something else was to be summed up (there are bytes behind the end), the file is read once more.

import { openSync, readSync, closeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { Fault, reasonOf } from '../lib/fault.ts'
import { Crc64, digestOf, type Sum } from './crc64.ts'
import { DATA_AT, sharedMemory, type CrcMemory } from './crc64-module.ts'

export const SLOTS = 8
export const SLOT_BYTES = 512 * 1024

// Places of the shared numbers.
export const FILLED = 0 // slots that were filled, from the beginning
export const PASSED = 1 // slots that were looked at and may be filled again
export const SUM_DONE = 2
export const READY = 3 // the other thread stands
export const HANDED = 4 // and is told where to begin
export const LENGTHS = 5 // of the slots; 0: the file has ended

/** As PASSED: nobody wants more. */
export const STOP = -1

export interface SharedFile {
  readonly path: string
  readonly sumBytes: number // how many bytes of the file are summed up, from its beginning
  readonly numbers: Int32Array
  readonly begin: Float64Array // where the other thread begins
  readonly sum: BigUint64Array // of what lies before that, in the end of all
  readonly memory: CrcMemory
}

const CHECKSUM = 8
const WAKE_EVERY = SLOTS / 2 // slots: a thread that is woken for each of them costs more than it brings

export class FileBeside implements Sum {
  readonly #shared: SharedFile
  readonly #worker: Worker
  #failure: Fault | undefined
  #giveUp: ((why: Fault) => void) | undefined // of who waits for a change
  #added = 0

  constructor(path: string, bytes: number) {
    this.#shared = {
      path,
      sumBytes: Math.max(0, bytes - CHECKSUM),
      numbers: new Int32Array(new SharedArrayBuffer(4 * (LENGTHS + SLOTS))),
      begin: new Float64Array(new SharedArrayBuffer(8)),
      sum: new BigUint64Array(new SharedArrayBuffer(8)),
      memory: sharedMemory(SLOTS * SLOT_BYTES),
    }
    this.#worker = new Worker(new URL('file-thread.ts', import.meta.url), { workerData: this.#shared })
    this.#worker.once('error', (error: unknown) => {
      this.#failure = new Fault({ doing: 'reading', target: path, why: reasonOf(error), cause: error })
      this.#giveUp?.(this.#failure)
    })
  }

  /** The bytes of the file; a chunk is good until the next one is asked for. Ends when the sum is there, too. */
  async *chunks(): AsyncGenerator<Buffer> {
    const { numbers, memory } = this.#shared
    try {
      yield* this.#head()
      for (let passed = 0; ; passed += 1) {
        Atomics.store(numbers, PASSED, passed)
        if (passed % WAKE_EVERY === 0) Atomics.notify(numbers, PASSED)
        await this.#change(FILLED, passed)
        const slot = passed % SLOTS
        const length = numbers[LENGTHS + slot] ?? 0
        if (length === 0) break
        yield Buffer.from(memory.buffer, DATA_AT + slot * SLOT_BYTES, length)
      }
      await this.#change(SUM_DONE, 0)
    } finally {
      Atomics.store(numbers, PASSED, STOP)
      Atomics.notify(numbers, PASSED)
      await this.#worker.terminate()
    }
  }

  /** What is read and summed up here, until the other thread goes on with it. */
  *#head(): Generator<Buffer> {
    const { path, sumBytes, numbers, begin, sum } = this.#shared
    const file = openSync(path, 'r')
    try {
      const chunk = Buffer.allocUnsafe(SLOT_BYTES)
      const own = new Crc64()
      let at = 0
      for (let read = 1; read > 0 && Atomics.load(numbers, READY) === 0; at += read) {
        read = readSync(file, chunk, 0, chunk.length, at)
        own.add(chunk, 0, Math.min(read, Math.max(0, sumBytes - at)))
        if (read > 0) yield chunk.subarray(0, read)
      }
      begin[0] = at
      sum[0] = own.digest().readBigUInt64LE()
      Atomics.store(numbers, HANDED, 1)
      Atomics.notify(numbers, HANDED)
    } finally {
      closeSync(file)
    }
  }

  /** Only counts: the bytes are those of `chunks`, from the beginning. */
  add(bytes: Uint8Array, from = 0, to = bytes.length): void {
    this.#added += to - from
  }

  digest(): Buffer {
    const { path, sumBytes, sum } = this.#shared
    return this.#added === sumBytes ? digestOf(sum[0] ?? 0n) : sumAgain(path, this.#added)
  }

  /** Waits until a number is no longer what it was. */
  async #change(place: number, was: number): Promise<void> {
    const waiting = Atomics.waitAsync(this.#shared.numbers, place, was)
    if (!waiting.async) return
    await new Promise<void>((resolve, reject) => {
      this.#giveUp = reject
      if (this.#failure !== undefined) reject(this.#failure)
      void waiting.value.then(() => resolve())
    })
  }
}

function sumAgain(path: string, bytes: number): Buffer {
  const file = openSync(path, 'r')
  const chunk = Buffer.allocUnsafe(SLOT_BYTES)
  const sum = new Crc64()
  for (let at = 0; at < bytes;) {
    const read = readSync(file, chunk, 0, Math.min(chunk.length, bytes - at), at)
    if (read === 0) break
    sum.add(chunk, 0, read)
    at += read
  }
  closeSync(file)
  return sum.digest()
}
