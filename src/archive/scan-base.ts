// A base from SCAN and DUMP, for servers that let nobody follow them: managed services, a narrow ACL. It needs nothing but
// reads, takes as many keys a second as it is told, and writes an RDB that stock servers load. Each key is whole, with
// the time at which it expires, but keys that change meanwhile are as they were at different moments: `consistent: false`.
// What vanishes meanwhile is left out; what appears may be missing.
//
// The value and its expiry are asked for between MULTI and EXEC, so that a key that is written over meanwhile does not get
// the time of one value and the bytes of the other. A value above 1 MiB passes through in pieces; how many keys are asked
// for at once depends on how big the last ones were, so that a server never holds much more than 4 MiB of answers for us.

import type { Clock } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import { infoNumber, type Info } from '../redis/info.ts'
import { showAddress } from '../redis/url.ts'
import type { Source } from '../replication/handshake.ts'
import type { BaseWriter } from '../replication/sink.ts'
import { faultOf } from '../replication/trouble.ts'
import { RdbWriter } from '../rdb/writer.ts'
import type { BaseHead, FetchBase } from './base-method.ts'
import { Dumps } from './dumps.ts'
import { ReplyWire, WireError, type WireReply } from './reply-wire.ts'
import { askForScan, type ScanTerms } from './scan-terms.ts'
import { SeenKeys } from './seen-keys.ts'

export const DEFAULT_KEYS_PER_SECOND = 10_000

export interface ScanOptions {
  readonly source: Source
  readonly keysPerSecond: number
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Keys that a Cluster was moving elsewhere just then: they may be missing. */
  onMoved?(keys: number): void
}

const COUNT = '512' // keys that one SCAN looks at: some tens of microseconds of the server's time
const MOST_AT_ONCE = 128
const IN_FLIGHT_BYTES = 4 * 1024 * 1024
const WRITE_BYTES = 256 * 1024
const NO_REPLID = '0'.repeat(40)

/** Reads the whole dataset of a server. Throws a Fault; a command that the user lacks is named in it. */
export function scanBase(options: ScanOptions): FetchBase {
  return async (onBase) => {
    const { source, clock, signal } = options
    let writer: BaseWriter | undefined
    let wire: ReplyWire | undefined
    try {
      wire = await ReplyWire.open(source, clock, signal)
      const terms = await askForScan(wire, clock)
      writer = onBase(headOf(terms, wire.target))
      await new Scan(wire, terms, writer, options).run()
      await writer.end()
    } catch (error) {
      const fault = faultOf(showAddress(source.address), error, source.access.tls !== undefined)
      writer?.abort(fault)
      throw fault
    } finally {
      wire?.close()
    }
  }
}

function headOf({ info, flavour, serverVersion }: ScanTerms, source: string): BaseHead {
  const replid = info.get('master_replid') ?? NO_REPLID
  const near = { replid, offset: infoNumber(info, 'master_repl_offset') ?? 0 }
  const unknown = { replid: null, offset: null, sizeBytes: undefined, db: 0 }
  return { method: 'scan', consistent: false, source, flavour, serverVersion, near, ...unknown }
}

class Scan {
  readonly #wire: ReplyWire
  readonly #terms: ScanTerms
  readonly #sink: BaseWriter
  readonly #options: ScanOptions
  readonly #rdb: RdbWriter
  readonly #dumps: Dumps
  readonly #began: number
  #asked = 0 // keys
  #atOnce = 8
  #moved = 0
  #waiting: Uint8Array[] = []
  #waitingBytes = 0

  constructor(wire: ReplyWire, terms: ScanTerms, sink: BaseWriter, options: ScanOptions) {
    this.#wire = wire
    this.#terms = terms
    this.#sink = sink
    this.#options = options
    this.#rdb = new RdbWriter(terms.flavour, terms.rdbVersion)
    this.#dumps = new Dumps(wire, terms)
    this.#began = options.clock.monotonic()
  }

  async run(): Promise<void> {
    const { info, aux, libraries } = this.#terms
    await this.#write(this.#rdb.begin(aux))
    for (const code of libraries) await this.#write(this.#rdb.library(code))
    for (const db of databasesOf(info)) await this.#database(db)
    await this.#write(this.#rdb.end())
    await this.#flush()
    if (this.#moved > 0) this.#options.onMoved?.(this.#moved)
  }

  async #database(db: number): Promise<void> {
    if (db !== 0 || this.#asked > 0) must(this.#wire, await this.#wire.ask('SELECT', String(db)))
    await this.#write(this.#rdb.database(db))
    const seen = new SeenKeys()
    let cursor = '0'
    do {
      const page = must(this.#wire, await this.#wire.ask('SCAN', cursor, 'COUNT', COUNT))
      const [next, found] = Array.isArray(page) ? (page as [Buffer, Buffer[]]) : []
      if (next === undefined || found === undefined) throw new Error('SCAN answered with something else')
      const keys = found.filter((key) => seen.add(key))
      while (keys.length > 0) await this.#take(keys.splice(0, this.#allowed()))
      cursor = next.toString()
    } while (cursor !== '0')
  }

  /** How many keys to ask for next: never more than a fifth of a second's. */
  #allowed(): number {
    return Math.max(1, Math.min(this.#atOnce, Math.floor(this.#options.keysPerSecond / 5)))
  }

  async #take(keys: readonly Buffer[]): Promise<void> {
    await this.#keepRate(keys.length)
    this.#dumps.ask(keys)
    let biggest = 0
    for (const key of keys) {
      const bytes = await this.#dumps.read(key, this.#rdb, (part) => this.#write(part))
      if (bytes === 'moved') this.#moved += 1
      else biggest = Math.max(biggest, bytes)
    }
    const fits = Math.floor(IN_FLIGHT_BYTES / Math.max(1, biggest))
    this.#atOnce = Math.max(1, Math.min(2 * this.#atOnce, fits, MOST_AT_ONCE))
  }

  async #keepRate(keys: number): Promise<void> {
    const { clock, keysPerSecond, signal } = this.#options
    const dueMs = this.#began + (1_000 * this.#asked) / keysPerSecond - clock.monotonic()
    this.#asked += keys
    if (dueMs > 1) await new Promise<void>((resolve) => void clock.after(dueMs, resolve))
    signal.throwIfAborted()
  }

  /** Small parts are gathered: what is behind us compresses and stores chunks, not keys. */
  async #write(part: Uint8Array): Promise<void> {
    this.#waiting.push(part)
    this.#waitingBytes += part.length
    if (this.#waitingBytes >= WRITE_BYTES) await this.#flush()
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    await this.#sink.write(bytes)
  }
}

/** Those that have keys, in their order; where nobody says, as in a Cluster, there is one. */
function databasesOf(info: Info): number[] {
  const numbers = info.names.flatMap((name) => /^db(\d+)$/.exec(name)?.[1] ?? [])
  return numbers.map(Number).toSorted((a, b) => a - b)
}

function must({ target }: ReplyWire, reply: WireReply): WireReply {
  if (!(reply instanceof WireError)) return reply
  const hint = 'Take the backup again; `respite backup --check` says what the server lacks.'
  throw new Fault({ doing: 'reading the keys of', target, why: reply.text, hint })
}
