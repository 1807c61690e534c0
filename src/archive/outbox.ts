// What is on its way to the store, in order. Objects wait in memory while the store keeps up; when it is slow or away they
// move to a bounded spool on the local disk, and from there to the store when it is back, also after a restart. Whoever
// puts something in is told when it is *durable*, which it is in the store alone. What somebody takes away from the spool, or
// damages there, does not stop the rest: something else goes to the store in its place, which says what is missing.

import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import { reasonOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { ENDING, readSpooled, segmentOf, writeSpooled, type Outgoing } from './spool.ts'
import type { Store } from './store/storage.ts'

export interface OutboxOptions {
  readonly store: Store
  readonly dir: string // of the spool; made when it is needed
  readonly spoolBytes: number // at most on disk
  readonly clock: Clock
  readonly log: Log
  /** These were in the spool and are neither there nor in the store, in order: what is stored in their place. */
  onLost(keys: readonly string[]): readonly Outgoing[]
}

export interface Filling extends Outgoing {
  readonly before: string // key
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
  readonly copy: Buffer | undefined // of a document, which is small, also when it is in the spool
  readonly file: string // in the spool
  readonly durable: () => void
  readonly lost: () => void
}

const MEMORY_BYTES = 32 * 1024 * 1024
const PATIENCE_MS = 3_000 // then what waits goes to the spool
const AGAIN_AFTER_MS = 1_000
const AGAIN_AT_MOST_MS = 15_000

export class Outbox {
  readonly #options: OutboxOptions
  readonly #items: Item[] = []
  #run: number // names the files of this run: behind those of earlier ones, and never those of another process
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
    this.#run = options.clock.now()
  }

  /**
   * Takes up what an earlier run left in the spool; returns the keys, oldest first. `fill` says what is missing between
   * them, and is stored before the key it names. Call it once, before `add`.
   */
  async recover(
    onDurable: (key: string) => void,
    fill: (keys: readonly string[]) => readonly Filling[] = () => [],
  ): Promise<string[]> {
    const { dir, log } = this.#options
    const names: string[] = await readdir(dir).catch(() => []) // none: nothing was ever spooled
    for (const name of names.toSorted()) {
      const file = join(dir, name)
      if (!name.endsWith(ENDING)) {
        await rm(file, { force: true }) // half written when we were killed
        continue
      }
      const spooled = await readSpooled(file)
      if (spooled === undefined) {
        log.error({ file }, 'a file of the spool is damaged: it is not stored')
        await rm(file, { force: true })
        continue
      }
      const { key, bytes } = spooled
      this.#run = Math.max(this.#run, Number.parseInt(name, 10) + 1)
      this.#spoolBytes += bytes.length
      const item = this.#itemOf(spooled, () => onDurable(key))
      this.#items.push({ ...item, bytes: undefined, file })
    }
    const keys = this.#items.map(({ key }) => key)
    for (const { before, ...outgoing } of fill(keys)) {
      const at = this.#items.findIndex(({ key }) => key === before)
      this.#items.splice(at, 0, this.#itemOf(outgoing))
      this.#memoryBytes += outgoing.bytes.length
    }
    void this.#send()
    return keys
  }

  #itemOf({ key, bytes }: Outgoing, durable = nothing, lost = nothing): Item {
    const { dir, clock } = this.#options
    const file = join(dir, `${padded(this.#run, 15)}-${padded(this.#number++, 9)}${ENDING}`)
    const copy = segmentOf(key) === undefined ? bytes : undefined
    return { key, size: bytes.length, since: clock.monotonic(), bytes, copy, file, durable, lost }
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

  /** `durable` is called once, in the order of adding; or `lost`, when the spool did not keep it. */
  add(key: string, bytes: Buffer, durable: () => void, lost = nothing): void {
    this.#items.push(this.#itemOf({ key, bytes }, durable, lost))
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
        const isStored = await this.#carry(item)
        this.#failures = 0
        this.#trouble = undefined
        if (!isStored) {
          await this.#replaceLost()
          continue
        }
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

  /** False: the spool does not have it any more, nor has the store, to which another process may have carried it. */
  async #carry({ key, bytes, file, copy }: Item): Promise<boolean> {
    const { store } = this.#options
    const found = bytes ?? (await readSpooled(file, key))?.bytes ?? copy
    if (found === undefined) return (await store.head(key)) !== undefined
    await store.put(key, found)
    return true
  }

  /** The first one is lost, and so may be those behind it: they are told together. */
  async #replaceLost(): Promise<void> {
    const { dir, log, store, onLost } = this.#options
    const lost: Item[] = []
    for (const item of this.#items) {
      const { key, bytes, copy, file } = item
      const isThere = bytes !== undefined || copy !== undefined || (await readSpooled(file, key)) !== undefined
      if (lost.length > 0 && (isThere || (await store.head(key)) !== undefined)) break
      lost.push(item)
    }
    const keys = lost.map(({ key }) => key)
    log.error(
      { dir, objects: keys.length, first: keys[0] },
      'objects that waited for the store are gone from the spool',
    )
    const instead = onLost(keys).map((outgoing) => this.#itemOf(outgoing))
    this.#items.splice(0, lost.length, ...instead)
    for (const { size } of instead) this.#memoryBytes += size
    for (const { size, file, lost: tell } of lost) {
      this.#spoolBytes -= size
      await rm(file, { force: true })
      tell()
    }
    this.#spoolFull = false
    this.#tellRoom()
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
        await writeSpooled(item.file, { key: item.key, bytes: item.bytes })
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

function padded(number: number, digits: number): string {
  return String(Math.round(number)).padStart(digits, '0')
}

function nothing(): void {
  // nobody wants to know
}
