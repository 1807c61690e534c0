// A kind of store is one file in storage/; its name is the scheme of its URLs. It makes single attempts and says what a
// failure means; retries, time limits, cutting into parts and going on after a break are made once for all, in
// open-store.ts.

import type { Clock } from '../../lib/clock.ts'
import type { ObjectHead, StorageCheck, StoredObject } from './storage.ts'
import type { Place } from './storage-url.ts'

export interface StorageUnit {
  readonly keeps: string // one line: where the objects lie
  readonly options: readonly string[] // what may stand behind the `?` of its URL
  /** Throws a Fault (exit 64) for a URL that is none of its. Opens no connection yet. */
  open(place: Place, given: Given): Attempts
}

export interface Given {
  readonly clock: Clock
  readonly credentialsFile: string | undefined
  readonly mustExist: boolean
}

/** What an attempt may come to, when it does not succeed. */
export interface Failure {
  /**
   * again: the same may go well in a moment. later: it may go well when something was repaired, so that there is no point
   * in trying at once. never: trying again cannot help. missing: there is no such object, or no such upload.
   * unsupported: the store does not know how.
   */
  readonly kind: 'again' | 'later' | 'never' | 'missing' | 'unsupported'
  readonly why: string // never holds a secret
  readonly hint?: string | undefined
  readonly afterMs?: number | undefined // the store asks to be left alone for so long
}

/** What a write is told apart by from another one of the same key, where an answer may be lost on its way. */
export interface Mark {
  readonly token: string // letters, digits and dashes; kept beside the object
  readonly signal: AbortSignal
}

/** Every call is one attempt, which ends soon after its signal is aborted. Keys are those of storage.ts, or begin with `.respite/`. */
export interface Attempts {
  readonly tries: number // how often to try in all; 1: what failed fails again
  /** False: `onlyIfAbsent` and there is one. */
  put(key: string, bytes: Uint8Array, how: Mark & { readonly onlyIfAbsent: boolean }): Promise<boolean>
  beginUpload(key: string, how: Mark): Promise<Upload>
  /** Undefined: no such object. `etag`: of this object and no other. */
  read(key: string, how: ReadHow): Promise<Body | undefined>
  head(key: string, signal: AbortSignal): Promise<(ObjectHead & { readonly token: string | undefined }) | undefined>
  /** In the order of the keys' bytes. `next` is handed in for the page that follows. */
  listPage(prefix: string, next: string | undefined, signal: AbortSignal): Promise<Page>
  remove(key: string, signal: AbortSignal): Promise<void>
  look(signal: AbortSignal): Promise<Looked>
  /** Removes leftovers from before that time (epoch milliseconds): how many. */
  sweep(beforeMs: number, signal: AbortSignal): Promise<number>
  explain(error: unknown): Failure
  close(): void
}

export interface Upload {
  /** Parts are numbered from 1; `at` is where the part begins. Several at a time; any may be repeated. */
  part(part: Part, signal: AbortSignal): Promise<void>
  finish(signal: AbortSignal): Promise<void>
  abort(signal: AbortSignal): Promise<void>
}

export interface Part {
  readonly number: number
  readonly at: number
  readonly bytes: Uint8Array
}

export interface ReadHow {
  readonly from: number
  readonly to: number | undefined // not included
  readonly etag: string | undefined
  readonly signal: AbortSignal
}

export interface Body {
  readonly etag: string
  readonly sizeBytes: number // of the whole object
  readonly chunks: AsyncIterable<Uint8Array> // of the range, as far as it lies in the object
  cancel(): void // ends it, also while a chunk is waited for; called in any case
}

export interface Page {
  readonly objects: readonly StoredObject[]
  readonly next: string | undefined // undefined: this was the last
}

/** What can be seen without writing. */
export type Looked = Pick<StorageCheck, 'freeBytes' | 'versioning' | 'objectLock' | 'warnings' | 'couldNotLook'> & {
  readonly storeMs: number | undefined // the store's clock, epoch milliseconds
}

export function isStorageUnit(value: unknown): value is StorageUnit {
  const unit = value as Partial<StorageUnit> | undefined
  return typeof unit?.keeps === 'string' && Array.isArray(unit.options) && typeof unit.open === 'function'
}
