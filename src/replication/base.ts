// Takes one base: the dataset as an RDB, sent by the server after a full PSYNC. `receiveBase` is what the link does when
// a server cannot go on from where we were; `fetchBase` is the same once, for a backup without a stream: the server is
// told so, and keeps nothing back for us.

import type { Clock } from '../lib/clock.ts'
import { systemClock } from '../lib/clock.ts'
import { showAddress } from '../redis/url.ts'
import {
  introduce,
  isAtLeast,
  openWire,
  requestStream,
  type Accepted,
  type Announce,
  type ServerFacts,
  type Source,
  type Wire,
} from './handshake.ts'
import { readRdbHead, type RdbHead } from './rdb-head.ts'
import type { BaseStart, BaseWriter, Position } from './sink.ts'
import { relate } from './timeline.ts'
import { parseTransfer, readTransfer, type Transfer } from './transfer.ts'
import { faultOf, lost, notRedis, refused } from './trouble.ts'

type OnBase = (start: BaseStart) => Promise<BaseWriter> | BaseWriter

export interface ReceiveOptions {
  readonly wire: Wire
  readonly facts: ServerFacts
  readonly accepted: Extract<Accepted, { kind: 'full' }>
  readonly before: Position | undefined // the position that was held
  readonly spoiled?: number | undefined // its stream is malformed at this offset, so that we did not ask to go on
  readonly baseOnly: boolean
  readonly onBase: OnBase
}

/** Hands the RDB to the writer that `onBase` gives, to its end. Whatever fails is told the writer too. */
export async function receiveBase(options: ReceiveOptions): Promise<BaseStart> {
  const { wire } = options
  const transfer = await nextTransfer(wire)
  let head: Buffer = Buffer.alloc(0)
  let begun: Begun | undefined
  try {
    for await (const bytes of readTransfer(wire.reader, transfer)) {
      if (begun === undefined) {
        head = Buffer.concat([head, bytes])
        begun = await begin(options, head, transfer)
        await begun?.writer.write(head)
      } else await begun.writer.write(bytes)
    }
    if (begun === undefined) {
      begun = await begin(options, head, transfer, true)
      await begun?.writer.write(head)
    }
    if (begun === undefined) throw lost(wire.target, 'the RDB ended within its head')
    await begun.writer.end()
    return begun.start
  } catch (error) {
    begun?.writer.abort(faultOf(wire.target, error, false))
    throw error
  }
}

interface Begun {
  readonly start: BaseStart
  readonly writer: BaseWriter
}

/** Asks for the writer as soon as it is known what will come. */
async function begin(
  options: ReceiveOptions,
  head: Buffer,
  transfer: Transfer,
  isAll = false,
): Promise<Begun | undefined> {
  const known = readRdbHead(head, isAll)
  if (known === 'not-rdb') throw notRedis(options.wire.target, head.toString('latin1', 0, 60))
  if (known === undefined) return undefined
  const start = describe(options, known, transfer)
  return { start, writer: await options.onBase(start) }
}

async function nextTransfer({ reader, target }: Wire): Promise<Transfer> {
  const line = await reader.line()
  const transfer = parseTransfer(line)
  if (typeof transfer !== 'string') return transfer
  throw line.startsWith('-') ? refused(target, line.slice(1)) : notRedis(target, line)
}

function describe(options: ReceiveOptions, head: RdbHead, transfer: Transfer): BaseStart {
  const { wire, facts, accepted, before, spoiled, baseOnly } = options
  const version = facts.version ?? head.aux.get('valkey-ver') ?? head.aux.get('redis-ver')
  const db = Number(head.aux.get('repl-stream-db') ?? 0)
  return {
    source: wire.target,
    replid: accepted.replid,
    offset: accepted.offset,
    db: Number.isInteger(db) && db >= 0 ? db : 0,
    flavour: head.flavour,
    rdbVersion: head.rdbVersion,
    serverVersion: version,
    sizeBytes: 'sizeBytes' in transfer ? transfer.sizeBytes : undefined,
    relation:
      spoiled === undefined
        ? relate(before, accepted, facts.histories)
        : { kind: 'gap', why: `the stream is malformed at offset ${spoiled}, each time that it is asked for` },
    noStream: baseOnly ? 'only a base was asked for' : whyNoStream(head.flavour, version),
  }
}

/** Why the stream of such a server cannot be kept; undefined: it can. */
export function whyNoStream(flavour: string, version: string | undefined): string | undefined {
  if (flavour === 'valkey' || version === undefined || isAtLeast(version, [7, 0])) return undefined
  return (
    `Redis ${version} sends times to live relative to the moment of the command, so that its stream would let keys ` +
    'expire too late when it is read again: only bases are kept. Since 7.0 they are absolute.'
  )
}

export interface FetchOptions {
  readonly source: Source
  readonly announce?: Announce | undefined // when a listener answers for us; without, nobody is named
  readonly onBase: OnBase
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

/** One base and nothing behind it. Throws a Fault; `refusesPsync` tells whether another method is to be chosen. */
export async function fetchBase({
  source,
  announce,
  onBase,
  clock = systemClock,
  signal,
}: FetchOptions): Promise<BaseStart> {
  let wire: Wire | undefined
  const cut = (): void => void wire?.socket.destroy()
  signal?.throwIfAborted()
  try {
    wire = openWire(source, clock)
    signal?.addEventListener('abort', cut)
    await wire.stands
    const facts = await introduce(wire, { access: source.access, announce, baseOnly: () => true })
    const accepted = await requestStream(wire, undefined)
    if (accepted.kind !== 'full') throw notRedis(wire.target, '+CONTINUE')
    return await receiveBase({ wire, facts, accepted, before: undefined, baseOnly: true, onBase })
  } catch (error) {
    throw faultOf(showAddress(source.address), error, source.access.tls !== undefined)
  } finally {
    signal?.removeEventListener('abort', cut)
    wire?.socket.destroy()
  }
}
