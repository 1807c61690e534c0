// What is in an RDB, counted while it goes by: a visitor for RdbScanner that keeps the same small tables whatever the file.
//
//   const analysis = new Analysis({ separator: ':', depth: 1, top: 10 })
//   const scanner = new RdbScanner(analysis, { target: 'dump.rdb' })
//   …                                   // scanner.push(chunk) for all chunks
//   const outcome = scanner.finish()
//   analysis.keys, analysis.namespaces.list(), …

import { moduleName, type Entry } from './entry.ts'
import type { Flavour, Kind } from './layouts.ts'
import { Namespaces } from './namespaces.ts'
import type { RdbVisitor } from './scanner.ts'

export interface AnalysisOptions {
  readonly separator?: string // ':' when absent
  readonly depth?: number // how many parts of a name make its namespace; 1 when absent
  readonly top?: number // how many of the largest keys are remembered; 10 when absent
}

export interface DatabaseCount {
  readonly db: number // -1: all past the first thousands, which no server has
  keys: number
  expires: number
}

export interface BigKey {
  readonly db: number
  readonly key: Buffer
  readonly kind: Kind
  readonly bytes: number
  readonly elements: number // NaN: the value does not say
}

export interface NotDecoded {
  readonly type: number
  readonly name: string // of the module
  keys: number
}

/** When keys expire, counted from the moment of the snapshot; each key is in the first that holds it. */
export const TTL_LIMITS = {
  expired: 0,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 2_592_000_000,
  later: Infinity,
} as const

export type TtlLimit = keyof typeof TTL_LIMITS

const LIMITS = Object.keys(TTL_LIMITS) as TtlLimit[]
const LIMITS_MS = Float64Array.from(Object.values(TTL_LIMITS))
const MOST_DATABASES = 10_000
const MOST_MODULES = 1_000
const MOST_AUX = 1_000
const LONGEST_AUX = 1_024
const LIBRARY_BYTES = 16 * 1024 * 1024
const REPEATED = new Set(['lua', 'slot-info']) // one for each script, one for each slot

export class Analysis implements RdbVisitor {
  keys = 0
  expires = 0
  headerFlavour: Flavour = 'redis'
  readonly auxFields = new Map<string, string>() // short ones; the last of a name
  readonly databases = new Map<number, DatabaseCount>()
  readonly namespaces: Namespaces
  readonly biggest: BigKey[] = [] // the largest first
  readonly notDecoded = new Map<string, NotDecoded>()
  readonly libraries: Buffer[] = [] // code of functions, as long as it is not megabytes
  readonly #top: number
  #libraryBytes = 0
  #database: DatabaseCount = { db: -1, keys: 0, expires: 0 }
  #smallest = -1 // bytes of the smallest key among the largest; -1: there is room for any
  readonly #ttls = new Float64Array(LIMITS.length)
  #snapshotMs = Date.now()

  constructor({ separator = ':', depth = 1, top = 10 }: AnalysisOptions = {}) {
    this.namespaces = new Namespaces(separator, depth)
    this.#top = top
  }

  /** `valkey` also where Valkey 7 and 8 write Redis' own version. */
  get flavour(): Flavour {
    return this.auxFields.has('valkey-ver') ? 'valkey' : this.headerFlavour
  }

  /** As the server says it; undefined when it does not. */
  get serverVersion(): string | undefined {
    return this.auxFields.get('valkey-ver') ?? this.auxFields.get('redis-ver')
  }

  header(flavour: Flavour): void {
    this.headerFlavour = flavour
  }

  aux(name: string, value: Buffer): void {
    if (REPEATED.has(name) || value.length > LONGEST_AUX || this.auxFields.size >= MOST_AUX) return
    this.auxFields.set(name, value.toString())
    if (name === 'ctime') this.#snapshotMs = Number(value.toString('latin1')) * 1000
  }

  library(code: Buffer): void {
    this.#libraryBytes += code.length
    if (this.#libraryBytes <= LIBRARY_BYTES) this.libraries.push(code)
  }

  entry(entry: Entry): void {
    const { db, bytes, type, expiresAtMs } = entry
    this.keys += 1
    if (this.#database.db !== db) this.#database = this.#databaseOf(db)
    this.#database.keys += 1
    if (expiresAtMs !== undefined) this.#countTtl(expiresAtMs)
    this.namespaces.add(entry)
    if (entry.moduleId !== undefined) this.#countModule(type.code, moduleName(entry.moduleId))
    if (bytes > this.#smallest) this.#remember(entry)
  }

  /** Of each kind that there is. */
  get kinds(): Map<Kind, { keys: number; bytes: number }> {
    return this.namespaces.kinds()
  }

  get ttls(): Record<TtlLimit, number> {
    return Object.fromEntries(LIMITS.map((limit, at) => [limit, this.#ttls[at] ?? 0])) as Record<TtlLimit, number>
  }

  #databaseOf(db: number): DatabaseCount {
    const known = this.databases.get(db)
    if (known !== undefined) return known
    const of = this.databases.size < MOST_DATABASES ? db : -1
    const count = this.databases.get(of) ?? { db: of, keys: 0, expires: 0 }
    this.databases.set(of, count)
    return count
  }

  #countTtl(expiresAtMs: number): void {
    this.expires += 1
    this.#database.expires += 1
    const leftMs = expiresAtMs - this.#snapshotMs
    let at = 0
    while (leftMs > (LIMITS_MS[at] ?? Infinity)) at += 1
    this.#ttls[at] = (this.#ttls[at] ?? 0) + 1
  }

  #countModule(type: number, name: string): void {
    const key = this.notDecoded.has(name) || this.notDecoded.size < MOST_MODULES ? name : '(other)'
    const count = this.notDecoded.get(key) ?? { type, name: key, keys: 0 }
    count.keys += 1
    this.notDecoded.set(key, count)
  }

  #remember({ db, key, type, bytes, elements }: Entry): void {
    if (this.#top === 0) return
    const at = this.biggest.findIndex((other) => other.bytes < bytes)
    this.biggest.splice(at === -1 ? this.biggest.length : at, 0, { db, key, kind: type.kind, bytes, elements })
    if (this.biggest.length > this.#top) this.biggest.pop()
    if (this.biggest.length === this.#top) this.#smallest = this.biggest.at(-1)?.bytes ?? -1
  }
}
