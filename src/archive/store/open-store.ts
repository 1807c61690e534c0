// What every store has in common, made of the single attempts of one: see storage.ts for what is promised.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { Fault } from '../../lib/fault.ts'
import { formatBytes } from '../../lib/units.ts'
import { checkStore, createsConditionally } from './check-store.ts'
import { putStream } from './put-stream.ts'
import { readObject } from './read-object.ts'
import { checkKey, checkPrefix, isKey } from './storage-key.ts'
import type { Attempts } from './storage-unit.ts'
import type { ObjectHead, Range, StorageCheck, Store, StoredObject } from './storage.ts'
import { limitMs, Trying } from './trying.ts'

const SWEEP_AFTER_MS = 24 * 3_600_000

export class OpenStore implements Store {
  readonly shown: string
  readonly #attempts: Attempts
  readonly #trying: Trying
  readonly #clock: Clock
  #conditional: Promise<boolean> | undefined

  constructor(shown: string, attempts: Attempts, clock: Clock) {
    this.shown = shown
    this.#attempts = attempts
    this.#trying = new Trying(attempts, clock, shown)
    this.#clock = clock
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    checkKey(key)
    await write(this.#attempts, this.#trying, { key, bytes, onlyIfAbsent: false })
  }

  async create(key: string, bytes: Uint8Array): Promise<boolean> {
    checkKey(key)
    if (!(await this.conditionalCreate())) throw this.#trying.faultOf({ doing: 'storing', key }, CANNOT_CREATE)
    return write(this.#attempts, this.#trying, { key, bytes, onlyIfAbsent: true })
  }

  conditionalCreate(): Promise<boolean> {
    const tried = this.#conditional ?? createsConditionally(this.#attempts, this.#trying)
    this.#conditional = tried
    tried.catch(() => (this.#conditional = undefined)) // not known is not no: the next one asks again
    return tried
  }

  async putStream(
    key: string,
    source: AsyncIterable<Uint8Array>,
    { sizeHint = 0 }: { readonly sizeHint?: number } = {},
  ): Promise<number> {
    checkKey(key)
    return putStream(this.#attempts, this.#trying, { key, source, sizeHint })
  }

  async *get(key: string, range: Range = {}): AsyncGenerator<Uint8Array> {
    checkKey(key)
    yield* readObject(this.#attempts, this.#trying, { key, range, missing: missing(this.#trying, key) })
  }

  async getAll(key: string, maxBytes: number): Promise<Uint8Array | undefined> {
    checkKey(key)
    return getAll(this.#attempts, this.#trying, key, maxBytes)
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    checkKey(key)
    const run = (signal: AbortSignal): ReturnType<Attempts['head']> => this.#attempts.head(key, signal)
    const found = await this.#trying.keepTrying({ doing: 'looking at', key, limitMs: limitMs(), run })
    if (found === undefined) return undefined
    const { sizeBytes, modifiedMs, etag } = found
    return { key, sizeBytes, modifiedMs, etag }
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    checkPrefix(prefix)
    yield* list(this.#attempts, this.#trying, prefix)
  }

  async remove(key: string): Promise<void> {
    checkKey(key)
    const run = (signal: AbortSignal): Promise<void> => this.#attempts.remove(key, signal)
    await this.#trying.keepTrying({ doing: 'removing', key, limitMs: limitMs(), run })
  }

  async check(): Promise<StorageCheck> {
    const checked = await checkStore(this.#attempts, this.#trying, this.#clock)
    this.#conditional = Promise.resolve(checked.conditionalCreate)
    return checked
  }

  async sweep(): Promise<number> {
    const before = this.#clock.now() - SWEEP_AFTER_MS
    const run = (signal: AbortSignal): Promise<number> => this.#attempts.sweep(before, signal)
    return this.#trying.keepTrying({ doing: 'sweeping', key: '', limitMs: 10 * limitMs(), run })
  }

  close(): void {
    this.#trying.close()
    this.#attempts.close()
  }
}

interface Writing {
  readonly key: string
  readonly bytes: Uint8Array
  readonly onlyIfAbsent: boolean
}

/** Whether it was stored. The key may be taken by an attempt of our own whose answer was lost: its token says so. */
async function write(attempts: Attempts, trying: Trying, { key, bytes, onlyIfAbsent }: Writing): Promise<boolean> {
  const token = randomUUID()
  const run = async (signal: AbortSignal, attempt: number): Promise<boolean> => {
    if (await attempts.put(key, bytes, { token, signal, onlyIfAbsent })) return true
    return attempt > 1 && (await attempts.head(key, signal))?.token === token
  }
  return trying.keepTrying({ doing: 'storing', key, limitMs: limitMs(bytes.length), run })
}

const NO_OBJECT = 'there is no such object'

/** What was listed a moment ago is not there: an archiver that runs joins small segments to large ones. */
export function isMissingObject(error: unknown): boolean {
  return error instanceof Fault && error.why === NO_OBJECT
}

function missing(trying: Trying, key: string): Fault {
  return trying.faultOf({ doing: 'reading', key }, { kind: 'missing', why: NO_OBJECT })
}

async function getAll(
  attempts: Attempts,
  trying: Trying,
  key: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const none = missing(trying, key)
  try {
    for await (const chunk of readObject(attempts, trying, { key, range: {}, missing: none })) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge(trying, key, maxBytes)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error === none) return undefined
    throw error
  }
  return Buffer.concat(chunks, bytes)
}

function tooLarge(trying: Trying, key: string, maxBytes: number): Fault {
  const why = `it is larger than the ${formatBytes(maxBytes)} that such an object may have`
  return trying.faultOf({ doing: 'reading', key }, { kind: 'never', why })
}

/** Page after page. The order is checked, since whoever reads a list by it would otherwise miss objects in silence. */
async function* list(attempts: Attempts, trying: Trying, prefix: string): AsyncGenerator<StoredObject> {
  const task = { doing: 'listing', key: prefix, limitMs: 4 * limitMs() }
  let before = ''
  let next: string | undefined
  do {
    const page = await trying.keepTrying({ ...task, run: (signal) => attempts.listPage(prefix, next, signal) })
    for (const object of page.objects) {
      if (!isKey(object.key)) continue // the store's own, or somebody else's
      if (object.key <= before) throw trying.faultOf(task, OUT_OF_ORDER)
      before = object.key
      yield object
    }
    next = page.next
  } while (next !== undefined)
}

const OUT_OF_ORDER = {
  kind: 'never',
  why: 'it does not list its objects in the order of their names',
  hint: 'Directory buckets of S3 and accounts of Azure with a hierarchical namespace do not; use an ordinary one.',
} as const

const CANNOT_CREATE = {
  kind: 'never',
  why: 'this store cannot create an object only where there is none',
  hint: 'See docs/storage.md. See to it yourself that only one archiver writes here.',
} as const
