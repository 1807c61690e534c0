// Keys asked for by DUMP, and each put into an RDB as its answer comes: the payload is the value of an RDB entry with its
// type before it and a footer behind it (rdb/dump.ts), so that nothing is decoded.

import { Fault } from '../lib/fault.ts'
import { Crc64 } from '../rdb/crc64.ts'
import { parseDump } from '../rdb/dump.ts'
import { OPCODE, valueTypes } from '../rdb/layouts.ts'
import type { RdbWriter } from '../rdb/writer.ts'
import { notRedis } from '../replication/trouble.ts'
import type { ReplyWire } from './reply-wire.ts'
import type { ScanTerms } from './scan-terms.ts'

type Write = (part: Uint8Array) => Promise<void>

const HELD_BYTES = 1024 * 1024 // a longer value passes through in pieces
const FOOTER = 10

export class Dumps {
  readonly #wire: ReplyWire
  readonly #terms: ScanTerms

  constructor(wire: ReplyWire, terms: ScanTerms) {
    this.#wire = wire
    this.#terms = terms
  }

  /** Sends the questions for all of them; `read` is then called for each, in this order. */
  ask(keys: readonly Buffer[]): void {
    const { expiry } = this.#terms
    this.#wire.send(
      keys.flatMap((key) => [
        ['MULTI'],
        ...(expiry === 'absolute' ? [['PEXPIRETIME', key]] : [['PTTL', key], ['TIME']]),
        ['DUMP', key],
        ['EXEC'],
      ]),
    )
  }

  /** Writes one; the bytes of its payload, 0 when the key is gone, `moved` when it lies elsewhere in the Cluster. */
  async read(key: Buffer, rdb: RdbWriter, write: Write): Promise<number | 'moved'> {
    const questions = this.#terms.expiry === 'absolute' ? 3 : 4 // before EXEC
    let refusal: string | undefined
    for (let at = 0; at < questions; at += 1) {
      const line = await this.#wire.line()
      if (line.startsWith('-')) refusal ??= line.slice(1)
    }
    const answer = await this.#wire.line()
    if (answer.startsWith('-')) refusal ??= answer.slice(1)
    if (refusal !== undefined) {
      if (/^(MOVED|ASK|TRYAGAIN)\b/.test(refusal)) return 'moved'
      throw this.#refused(key, refusal)
    }
    if (answer !== `*${questions - 1}`) throw notRedis(this.#wire.target, answer)
    const expiresAtMs = await this.#expiry()
    const line = await this.#wire.line()
    if (line === '$-1') return 0
    if (line.startsWith('-')) throw this.#refused(key, line.slice(1))
    if (!/^\$\d{2,10}$/.test(line)) throw notRedis(this.#wire.target, line)
    const length = Number(line.slice(1))
    if (length <= HELD_BYTES) await write(this.#entry(key, expiresAtMs, rdb, await this.#wire.bytes(length)))
    else await this.#pass({ key, expiresAtMs, length }, rdb, write)
    return length
  }

  /** Epoch milliseconds; undefined for a key that does not expire. */
  async #expiry(): Promise<number | undefined> {
    const reply = await this.#wire.reply()
    const ms = typeof reply === 'number' ? reply : -1
    if (this.#terms.expiry === 'absolute') return ms < 0 ? undefined : ms
    const time = await this.#wire.reply()
    const [seconds, micros] = Array.isArray(time) ? time.map(Number) : []
    return ms < 0 ? undefined : 1_000 * (seconds ?? 0) + Math.floor((micros ?? 0) / 1_000) + ms
  }

  #entry(key: Buffer, expiresAtMs: number | undefined, rdb: RdbWriter, payload: Buffer): Buffer {
    const { type, value, meta } = parseDump(payload, this.#nameOf(key))
    return rdb.entry({ key, type, value, expiresAtMs, meta })
  }

  async #pass(
    { key, expiresAtMs, length }: { key: Buffer; expiresAtMs: number | undefined; length: number },
    rdb: RdbWriter,
    write: Write,
  ): Promise<void> {
    const pieces = this.#wire.pieces(length)
    const first = (await pieces.next()).value as Buffer
    const { flavour, rdbVersion } = this.#terms
    if (flavour === 'redis' && first[0] === OPCODE.keyMeta) {
      // Where the type stands behind what modules attached to the key, it is taken apart as a whole.
      const rest: Buffer[] = [Buffer.from(first)]
      for await (const piece of pieces) rest.push(Buffer.from(piece))
      return write(this.#entry(key, expiresAtMs, rdb, Buffer.concat(rest)))
    }
    const type = valueTypes(flavour, rdbVersion)[first[0] ?? 0]
    if (type === undefined) throw this.#wrong(key, `its type is ${first[0]}, which is not known here`)
    await write(rdb.entryHead({ key, type, expiresAtMs }))
    const sum = new Crc64()
    sum.add(first, 0, 1)
    let held: Buffer = Buffer.from(first.subarray(1)) // always the last ten bytes: they may be the footer
    for await (const piece of pieces) {
      const bytes = Buffer.concat([held, piece])
      const value = bytes.subarray(0, Math.max(0, bytes.length - FOOTER))
      held = bytes.subarray(value.length)
      sum.add(value)
      await write(rdb.part(value))
    }
    sum.add(held, 0, 2)
    if (!sum.digest().equals(held.subarray(2))) throw this.#wrong(key, 'its checksum is wrong: the bytes are damaged')
  }

  #nameOf(key: Buffer): string {
    return `the key ${JSON.stringify(key.toString('latin1', 0, 60))} of ${this.#wire.target}`
  }

  #wrong(key: Buffer, why: string): Fault {
    const hint = 'Take the backup again; if it comes back, look for hardware errors on the machine of the server.'
    return new Fault({ doing: 'reading', target: this.#nameOf(key), why, hint })
  }

  #refused(key: Buffer, why: string): Fault {
    const hint = /NOPERM/.test(why)
      ? 'A backup reads all keys: ACL SETUSER <user> ~* +dump +pexpiretime'
      : 'Take the backup again; `respite doctor` says what is wrong with the server.'
    return new Fault({ doing: 'reading', target: this.#nameOf(key), why, hint })
  }
}
