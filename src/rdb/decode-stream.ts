// Decodes a stream: its entries stand in listpacks, each of which begins with a master entry whose fields the others
// share, and count their ids from the listpack's own (t_stream.c of Redis); behind them the groups of consumers.

import { STREAM_NEWS, type StreamNews } from './layouts.ts'
import { packedEntries, PackedWrong } from './packed.ts'
import { idOf, type ValueReader } from './value-reader.ts'
import type { StreamEntry, StreamGroup, StreamId, StreamProducer, StreamValue } from './values.ts'

const DELETED = 1
const SAME_FIELDS = 2 // as the master entry
const SEQUENCES = 2n ** 64n

export function decodeStream(reader: ValueReader, code: number): StreamValue {
  const news = STREAM_NEWS[code] ?? {}
  const entries: StreamEntry[] = []
  for (let left = reader.count(); left > 0; left -= 1) readListpack(reader, entries)
  const length = reader.number()
  const lastId = reader.id()
  const counters = news.counters
    ? { firstId: reader.id(), maxDeletedId: reader.id(), entriesAdded: reader.bigNumber() }
    : undefined
  const groups = reader.many(() => readGroup(reader, news))
  const idempotence = news.producers
    ? {
        durationSeconds: reader.number(),
        mostEntries: reader.number(),
        producers: reader.many(() => readProducer(reader)),
        added: reader.bigNumber(),
        duplicates: reader.bigNumber(),
      }
    : undefined
  return { kind: 'stream', entries, length, lastId, counters, groups, idempotence }
}

function readListpack(reader: ValueReader, into: StreamEntry[]): void {
  const key = reader.string()
  if (key.length !== 16) throw new PackedWrong('an id of 16 bytes before a listpack', `${key.length} bytes`)
  const master = idOf(key)
  const items = packedEntries('listpack', reader.string())
  let at = 0
  const next = (): Buffer => {
    const item = items[at]
    if (item === undefined) throw new PackedWrong('an entry of a stream', 'the end of its listpack')
    at += 1
    return item
  }
  const number = (): bigint => {
    const text = next().toString('latin1')
    if (!/^-?\d{1,20}$/.test(text)) throw new PackedWrong('a number in a stream’s listpack', JSON.stringify(text))
    return BigInt(text)
  }
  const many = (): number => {
    const count = number()
    if (count < 0n || count > BigInt(items.length)) throw new PackedWrong('a number of fields', String(count))
    return Number(count)
  }
  next() // entries
  next() // deleted ones
  const names = Array.from({ length: many() }, next)
  next() // 0, the end of the master entry
  while (at < items.length) {
    const flags = Number(number())
    const ms = master.ms + number()
    const sequence = master.sequence + number()
    const id = { ms: BigInt.asUintN(64, ms), sequence: sequence % SEQUENCES }
    const fields: [Buffer, Buffer][] = []
    if ((flags & SAME_FIELDS) !== 0) for (const name of names) fields.push([name, next()])
    else for (let left = many(); left > 0; left -= 1) fields.push([next(), next()])
    next() // how many items it had, for who reads backwards
    if ((flags & DELETED) === 0) into.push({ id, fields })
  }
}

function readGroup(reader: ValueReader, { counters, activeTime, rejected }: StreamNews): StreamGroup {
  return {
    name: reader.string(),
    lastId: reader.id(),
    entriesRead: counters ? reader.bigNumber() : undefined,
    pending: reader.many(() => ({
      id: reader.rawId(),
      deliveredAtMs: reader.milliseconds(),
      deliveries: reader.number(),
    })),
    consumers: reader.many(() => ({
      name: reader.string(),
      seenAtMs: reader.milliseconds(),
      activeAtMs: activeTime ? reader.milliseconds() : undefined,
      pending: reader.many((): StreamId => reader.rawId()),
    })),
    rejected: rejected ? reader.many((): StreamId => reader.rawId()) : [],
  }
}

function readProducer(reader: ValueReader): StreamProducer {
  const name = reader.string()
  return { name, messages: reader.many(() => ({ id: reader.string(), entry: reader.id() })) }
}
