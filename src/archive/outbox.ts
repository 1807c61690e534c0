// What is on its way to the store, in order. Objects wait in memory while the store keeps up; when it is slow or away they
// move to a bounded spool on the local disk, and from there to the store when it is back, also after a restart. Whoever
// puts something in is told when it is *durable*, which it is in the store alone.

import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import type { Store } from './store/storage.ts'

export interface OutboxOptions {
  readonly store: Store
  readonly dir: string // of the spool; made when it is needed
  readonly spoolBytes: number // at most on disk
  readonly clock: Clock
  readonly log: Log
}

export interface OutboxState {
  readonly waiting: number // objects that are not in the store yet
  readonly memoryBytes: number
  readonly spoolBytes: number
  readonly oldestMs: number // for how long the oldest has been waiting; 0 when none is
  readonly trouble: string | undefined // why the store does not take them
  readonly full: boolean // neither memory nor spool takes more
}

interface Item {
  readonly key: string
  readonly size: number
  readonly since: number // monotonic ms
  bytes: Buffer | undefined // undefined: in the spool
  readonly file: string // in the spool
  readonly durable: () => void
}

const ENDING = '.object'
const MEMORY_BYTES = 32 * 1024 * 1024
const PATIENCE_MS = 3_000 // then what waits goes to the spool
const AGAIN_AFTER_MS = 1_000
const AGAIN_AT_MOST_MS = 15_000

export class Outbox {
  readonly #options: OutboxOptions
  readonly #items: Item[] = []
  #number = 0
  #memoryBytes = 0
  #spoolBytes = 0
  #trouble: string | undefined
  #spoolTrouble: string | undefined
  #failures = 0
  #sending = false
  #spooling: Promise<void> | undefined
  #spoolFull = false // the next one did not fit
  #stopped = false
  #endWait: (() => void) | undefined // of the pause between two attempts
  #idle: (() => void)[] = []
  #waiting: (() => void)[] = [] // for room

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Takes up what an earlier run left in the spool; returns the keys, oldest first. Call it once, before `add`. */
  async recover(onDurable: (key: string) => void): Promise<string[]> {
    const { dir, clock } = this.#options
    const names: string[] = await readdir(dir).catch(() => []) // none: nothing was ever spooled
    const keys: string[] = []
    for (const name of names.toSorted()) {
      const file = join(dir, name)
      if (!name.endsWith(ENDING)) {
        await rm(file, { force: true }) // half written when we were killed
        continue
      }
      const { key, bytes } = await readSpooled(file)
      this.#number = Number.parseInt(name, 10) + 1
      this.#spoolBytes += bytes.length
      keys.push(key)
      const since = clock.monotonic()
      this.#items.push({ key, size: bytes.length, since, bytes: undefined, file, durable: () => onDurable(key) })
    }
    void this.#send()
    return keys
  }

  get state(): OutboxState {
    const { clock } = this.#options
    const oldest = this.#items[0]
    return {
      waiting: this.#items.length,
      memoryBytes: this.#memoryBytes,
      spoolBytes: this.#spoolBytes,
      oldestMs: oldest === undefined ? 0 : clock.monotonic() - oldest.since,
      trouble: this.#spoolTrouble ?? this.#trouble,
      full: this.#isMemoryFull && (this.#spoolFull || this.#spoolTrouble !== undefined),
    }
  }

  /** `durable` is called once, in the order of adding. */
  add(key: string, bytes: Buffer, durable: () => void): void {
    const file = join(this.#options.dir, `${String(this.#number++).padStart(12, '0')}${ENDING}`)
    const since = this.#options.clock.monotonic()
    this.#items.push({ key, size: bytes.length, since, bytes, file, durable })
    this.#memoryBytes += bytes.length
    void this.#send()
    void this.#spool()
  }

  get #isMemoryFull(): boolean {
    return this.#memoryBytes >= MEMORY_BYTES
  }

  /** Undefined while there is room for more; else a promise that is fulfilled when there is again. */
  room(): Promise<void> | undefined {
    if (!this.#isMemoryFull || this.#stopped) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when all that was added is durable, or the outbox was stopped. */
  empty(): Promise<void> {
    if (this.#items.length === 0 || this.#stopped) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Ends sending. What is not in the store by now is kept in the spool for the next start, as far as there is room. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#endWait?.()
    await this.#spooling
    await this.#spool(true)
    this.#tellIdle()
  }

  async #send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    for (let item = this.#items[0]; item !== undefined && !this.#stopped; item = this.#items[0]) {
      try {
        await this.#options.store.put(item.key, item.bytes ?? (await readSpooled(item.file)).bytes)
        this.#failures = 0
        this.#trouble = undefined
        this.#items.shift()
        await this.#forget(item)
        item.durable()
      } catch (error) {
        await this.#waitAgain(error)
      }
    }
    this.#sending = false
    if (this.#items.length === 0) this.#tellIdle()
  }

  async #forget(item: Item): Promise<void> {
    if (item.bytes !== undefined) this.#memoryBytes -= item.size
    else {
      this.#spoolBytes -= item.size
      this.#spoolFull = false
      await rm(item.file, { force: true })
    }
    this.#tellRoom()
  }

  async #waitAgain(error: unknown): Promise<void> {
    const { clock, log, store } = this.#options
    this.#trouble = reasonOf(error)
    if (this.#failures === 0) log.warn({ store: store.shown, why: this.#trouble }, 'the store takes nothing')
    const delayMs = Math.min(AGAIN_AT_MOST_MS, AGAIN_AFTER_MS * 2 ** this.#failures)
    this.#failures += 1
    await this.#spool()
    await new Promise<void>((resolve) => {
      const timer = clock.after(this.#stopped ? 0 : delayMs, resolve)
      this.#endWait = () => {
        timer.stop()
        resolve()
      }
    })
  }

  #spool(all = false): Promise<void> {
    this.#spooling ??= this.#spoolLate(all).finally(() => {
      this.#spooling = undefined
    })
    return this.#spooling
  }

  /** Moves what has waited too long, or is too much, to the disk; the newest last, so that memory never overtakes it. */
  async #spoolLate(all: boolean): Promise<void> {
    const { log, dir, spoolBytes } = this.#options
    try {
      for (let item = this.#nextToSpool(all); item?.bytes !== undefined; item = this.#nextToSpool(all)) {
        this.#spoolFull = this.#spoolBytes + item.size > spoolBytes
        if (this.#spoolFull) break
        await spool(dir, item.file, item.key, item.bytes)
        if (!this.#items.includes(item)) {
          await rm(item.file, { force: true }) // the store took it meanwhile
          continue
        }
        item.bytes = undefined
        this.#memoryBytes -= item.size
        this.#spoolBytes += item.size
        this.#tellRoom()
      }
      this.#spoolTrouble = undefined
    } catch (error) {
      if (this.#spoolTrouble === undefined) log.error({ dir, why: reasonOf(error) }, 'the spool cannot be written')
      this.#spoolTrouble = `the spool ${dir} cannot be written: ${reasonOf(error)}`
    }
  }

  /** The oldest in memory, when it has to leave it. */
  #nextToSpool(all: boolean): Item | undefined {
    const item = this.#items.find(({ bytes }) => bytes !== undefined)
    const isLate = item !== undefined && this.#options.clock.monotonic() - item.since > PATIENCE_MS
    return all || isLate || this.#isMemoryFull ? item : undefined
  }

  #tellRoom(): void {
    if (!this.#isMemoryFull) for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #tellIdle(): void {
    for (const resolve of [...this.#idle.splice(0), ...this.#waiting.splice(0)]) resolve()
  }
}

/** A line with the key, then the object. Under its name whole or not at all; only its owner may read it. */
async function spool(dir: string, file: string, key: string, bytes: Buffer): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const half = `${file}.half`
  const handle = await open(half, 'w', 0o600)
  try {
    await handle.writev([Buffer.from(`${key}\n`), bytes])
    await handle.sync()
  } catch (error) {
    throw new Fault({
      doing: 'writing to the spool',
      target: dir,
      why: reasonOf(error),
      hint: 'free some space there, or give another folder with --data',
      cause: error,
    })
  } finally {
    await handle.close()
  }
  await rename(half, file)
}

async function readSpooled(file: string): Promise<{ key: string; bytes: Buffer }> {
  const content = await readFile(file)
  const end = content.indexOf('\n')
  return { key: content.toString('utf8', 0, end), bytes: content.subarray(end + 1) }
}
