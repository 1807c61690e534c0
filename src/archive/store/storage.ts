// Where an archive lies: a folder, a bucket, a container. This is all that the rest of the archive knows of it; which
// store it is, the scheme of its URL says, and a file of that name in storage/ speaks to it. Only that file is loaded, so
// that nobody waits for the libraries of a cloud who does not use it.

import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../lib/clock.ts'
import { Fault } from '../../lib/fault.ts'
import { loadUnits } from '../../lib/load-units.ts'
import { nearest } from '../../lib/nearest.ts'
import { OpenStore } from './open-store.ts'
import { isStorageUnit } from './storage-unit.ts'
import { parseStorageUrl, type Place } from './storage-url.ts'

export interface StoredObject {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedMs: number // by the clock of the store; S3 and Azure count whole seconds
}

export interface ObjectHead extends StoredObject {
  readonly etag: string // changes when the object does; says nothing else
}

/** Bytes `from` (0 when absent) up to, and not including, `to` (the end when absent). What lies past the end is left out. */
export interface Range {
  readonly from?: number
  readonly to?: number
}

/**
 * One store. For all of it holds:
 *
 * - **Keys** are segments of `A-Z a-z 0-9 . _ - = + @ , : ~ %` with `/` between them; a segment neither begins nor ends
 *   with a dot and has at most 200 characters, a key at most 700. No key may be the beginning of another up to its slash
 *   (`a` and `a/b`): a folder cannot hold both. Names that begin with a dot are the store's own and are never listed.
 * - **Atomic**: an object is there whole or not at all, also after a crash of either side, and once a call has resolved
 *   it is durable and every later call of anybody sees it.
 * - **Retries**: what may go better in a moment (no connection, a time-out, a reset in the middle, 5xx, "slow down") is
 *   tried again with growing waits, five times in all, and every attempt has an end. A Fault comes after that, or at once
 *   when trying again cannot help; `retryable` of it says whether a later call may do better (a full disk may) or not
 *   (wrong credentials, no such bucket, read-only).
 * - **Repeatable**: whatever was called may be called again with the same arguments. An attempt that was given up may
 *   still arrive late; so do not put different bytes under one key, unless the next bytes make up for it.
 */
export interface Store {
  readonly shown: string // for people: its URL without what stands behind the `?`

  /** Stores an object, over one that is there. */
  put(key: string, bytes: Uint8Array): Promise<void>

  /**
   * Stores an object unless there is one: true when it was stored, false when the key was taken. Of several at once, in
   * whatever processes, exactly one gets true, also when the answer to an attempt was lost on its way. Throws a Fault
   * where `conditionalCreate()` is false.
   */
  create(key: string, bytes: Uint8Array): Promise<boolean>

  /** Whether `create` can be trusted here. Tried out at the first call, and remembered. */
  conditionalCreate(): Promise<boolean>

  /**
   * Stores an object of any length, over one that is there, and says how long it was. At most three parts of it are in
   * memory: of 8 MiB, or more where `sizeHint` (bytes) or the length itself asks for it, since a store takes at most
   * 10,000. When the source throws, its error is thrown again and nothing is stored. A store may keep the parts of a process
   * that was killed: see `sweep`.
   */
  putStream(key: string, source: AsyncIterable<Uint8Array>, options?: { readonly sizeHint?: number }): Promise<number>

  /**
   * The bytes of an object or of a range of it. Broken off, it goes on where it was, on the same object: when another one
   * has taken its key meanwhile, that is a Fault. So is a key without an object. Nothing is asked before the first chunk is.
   */
  get(key: string, range?: Range): AsyncIterable<Uint8Array>

  /** A whole object in memory, undefined when there is none. More than `maxBytes` is a Fault. */
  getAll(key: string, maxBytes: number): Promise<Uint8Array | undefined>

  /** Undefined when there is none. */
  head(key: string): Promise<ObjectHead | undefined>

  /** All objects whose key begins with these letters, in the order of their keys' bytes. */
  list(prefix: string): AsyncIterable<StoredObject>

  /** Removes an object; that there is none is no error. A store with versions or object lock keeps what it must keep. */
  remove(key: string): Promise<void>

  /** Whether the store can be used, tried out in earnest under a name of its own. Throws a Fault where it cannot. */
  check(): Promise<StorageCheck>

  /** Removes what writers who were killed left behind, when it is older than a day: once a day is enough. How many. */
  sweep(): Promise<number>

  /** Cuts what is under way. Only what was opened counts: nothing has to be closed for the sake of the data. */
  close(): void
}

export interface StorageCheck {
  readonly conditionalCreate: boolean // false: only one archiver may write here, and nothing but care sees to that
  readonly removes: boolean // false: this login may not remove; retention needs another one
  readonly clockSkewMs: number | undefined // the store's clock minus ours, to about a second; undefined: it has none of its own
  readonly freeBytes: number | undefined // undefined: as much as is paid for
  readonly versioning: 'on' | 'off' | 'suspended' | undefined // undefined: not known
  readonly objectLock: string | undefined // 'off', or what it says: "governance, 30 days"; undefined: not known
  readonly warnings: readonly string[] // sentences: what works but should not be so
  readonly couldNotLook: readonly { readonly at: string; readonly why: string; readonly hint: string }[]
}

export interface StorageOptions {
  readonly clock: Clock
  readonly credentialsFile?: string | undefined // instead of the environment; docs/storage.md says what stands in it
  readonly mustExist?: boolean // it was written to before: an empty folder, as without its disk, is a Fault then
}

const FOLDER = fileURLToPath(new URL('../storage', import.meta.url))

/** Opens a store; asks it nothing yet. Throws a Fault (exit 64) for a URL that is none. */
export async function openStorage(url: string, options: StorageOptions, folder: string = FOLDER): Promise<Store> {
  const place = parseStorageUrl(url)
  const known = await schemesIn(folder)
  if (!known.includes(place.scheme)) throw unknownScheme(place, known)
  const unit = (await loadUnits(folder, isStorageUnit, place.scheme)).get(place.scheme)
  if (unit === undefined) throw unknownScheme(place, known)
  const strange = [...place.options.keys()].find((name) => !unit.options.includes(name))
  if (strange !== undefined) throw unknownOption(place, strange, unit.options)
  const { clock, credentialsFile, mustExist = false } = options
  return new OpenStore(place.shown, unit.open(place, { clock, credentialsFile, mustExist }), clock)
}

async function schemesIn(folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  return files.map((name) => name.slice(0, -'.ts'.length)).toSorted()
}

function wrongUrl(place: Place, why: string, hint: string): Fault {
  return new Fault({ doing: 'opening the store', target: place.shown, why, hint, exit: 64, retryable: false })
}

function unknownScheme({ scheme, ...rest }: Place, known: readonly string[]): Fault {
  const why =
    scheme === 'gs' ? 'Google Cloud Storage is not built yet' : `"${scheme}:" is not a store that Respite speaks to`
  const hint =
    scheme === 'gs'
      ? 'Its S3 interface with an HMAC key may do: s3://BUCKET?endpoint=https://storage.googleapis.com (not tested).'
      : `Known: ${known.map((each) => `${each}:`).join(' ')}`
  return wrongUrl({ scheme, ...rest }, why, hint)
}

function unknownOption(place: Place, name: string, known: readonly string[]): Fault {
  const meant = nearest(name, known)
  const all = known.length === 0 ? `${place.scheme}: takes none.` : `Known: ${known.join(', ')}.`
  return wrongUrl(
    place,
    `"${name}" is not an option of it`,
    meant === undefined ? all : `Did you mean ${meant}? ${all}`,
  )
}
