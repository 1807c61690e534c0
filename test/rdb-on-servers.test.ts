// RDBs that the real server writes, with every type in every encoding that it has: what we read is what the server says,
// what we hand to RESTORE it takes, and what we write it loads, with nothing lost.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startServer, type Server } from '../lab/servers.ts'
import { decodeValue } from '../src/rdb/decode-value.ts'
import { dumpPayload, parseDump } from '../src/rdb/dump.ts'
import type { Entry } from '../src/rdb/entry.ts'
import type { ValueType } from '../src/rdb/layouts.ts'
import { RdbScanner, type RdbOutcome } from '../src/rdb/scanner.ts'
import { streamIdText, type RdbValue, type StreamEntry } from '../src/rdb/values.ts'
import { RdbWriter } from '../src/rdb/writer.ts'
import { bytesOf, fill, type Line } from './every-encoding.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { assertSameDataset } from './same-dataset.ts'

interface ReadEntry {
  readonly db: number
  readonly key: Buffer
  readonly type: ValueType
  readonly raw: Buffer
  readonly expiresAtMs: number | undefined
  readonly idleSeconds: number | undefined
  readonly frequency: number | undefined
  readonly elements: number
  readonly decoded: RdbValue | undefined
}

interface ReadFile {
  readonly entries: readonly ReadEntry[]
  readonly libraries: readonly Buffer[]
  readonly aux: Readonly<Record<string, string>>
  readonly outcome: RdbOutcome
}

function readAll(file: string, pieceBytes: number): ReadFile {
  const bytes = readFileSync(file)
  const entries: ReadEntry[] = []
  const libraries: Buffer[] = []
  const aux: Record<string, string> = {}
  let parts: Buffer[] = []
  const scanner = new RdbScanner(
    {
      aux: (name, value) => (aux[name] = value.toString()),
      library: (code) => libraries.push(code),
      wants: () => true,
      value: (part) => parts.push(Buffer.from(part)),
      entry(entry: Entry) {
        const raw = Buffer.concat(parts)
        parts = []
        const { db, key, type, expiresAtMs, idleSeconds, frequency, elements } = entry
        const decoded = decodeValue({ type, value: raw })
        entries.push({ db, key, type, raw, expiresAtMs, idleSeconds, frequency, elements, decoded })
      },
    },
    { target: file, bytes: bytes.length },
  )
  for (let at = 0; at < bytes.length; at += pieceBytes) scanner.push(bytes.subarray(at, at + pieceBytes))
  return { entries, libraries, aux, outcome: scanner.finish() }
}

const text = (bytes: Buffer): string => bytes.toString('latin1')
const texts = (list: readonly Buffer[]): string[] => list.map(text)

/** What the server says of a key, in the words of `plain`. */
async function ask({ send }: Line, key: Buffer, kind: string): Promise<unknown> {
  const many = async (...words: (string | Buffer)[]): Promise<string[]> => texts((await send(...words)) as Buffer[])
  switch (kind) {
    case 'string':
      return text((await send('GET', key)) as Buffer)
    case 'list':
      return many('LRANGE', key, '0', '-1')
    case 'set':
      return (await many('SMEMBERS', key)).toSorted()
    case 'zset':
      return (await many('ZRANGE', key, '0', '-1', 'WITHSCORES')).map((word, at) =>
        at % 2 === 0 ? word : sameScore(word),
      )
    case 'hash': {
      const all = await many('HGETALL', key)
      return Object.fromEntries(all.flatMap((name, at) => (at % 2 === 0 ? [[name, all[at + 1]]] : [])))
    }
    default:
      return ((await send('XRANGE', key, '-', '+')) as [Buffer, Buffer[]][]).map(([id, of]) => [text(id), texts(of)])
  }
}

const scoreText = (score: number): string => (Number.isFinite(score) ? String(score) : score > 0 ? 'inf' : '-inf')
/** The server writes 17 digits, we as many as are needed. */
const sameScore = (word: string): string => (word.endsWith('inf') ? word : String(Number(word)))
const entryText = ({ id, fields }: StreamEntry): unknown => [streamIdText(id), fields.flatMap((pair) => texts(pair))]

/** A decoded value, in the order and the words of the server's commands. */
function plain(value: RdbValue | undefined): unknown {
  switch (value?.kind) {
    case 'string':
      return text(value.value)
    case 'list':
      return texts(value.elements)
    case 'set':
      return texts(value.members).toSorted()
    case 'zset':
      return value.members
        .toSorted((a, b) => a.score - b.score || Buffer.compare(a.member, b.member))
        .flatMap(({ member, score }) => [text(member), scoreText(score)])
    case 'hash':
      return Object.fromEntries(value.fields.map(({ field, value }) => [text(field), text(value)]))
    case 'stream':
      return value.entries.map(entryText)
    default:
      return undefined
  }
}

describe('RDBs of a real server', () => {
  let source: Server
  let line: Line
  let file = ''

  before(async () => {
    source = await startServer({ debug: true, conf: ['list-compress-depth 1', 'list-max-listpack-size 20'] })
    line = await bytesOf(source)
    await fill(line)
    await line.send('SAVE')
    file = join(source.dir, 'dump.rdb')
  })
  after(async () => {
    line.close()
    await source.stop()
  })
  nothingLeftAfterwards()

  it('says of every key what the server says', async () => {
    const { entries, outcome, aux } = readAll(file, 4096)
    assert.partialDeepStrictEqual(outcome, { complete: true, checksum: 'ok', problem: undefined, unknown: undefined })
    assert.match(aux['redis-ver'] ?? '', /^\d+\.\d+\.\d+/)
    const names = new Set(entries.map(({ type }) => type.name))
    for (const name of ['string', 'list_quicklist_2', 'set', 'set_intset', 'zset_2', 'hash'])
      assert.ok(names.has(name), `nothing is written as ${name}`)
    for (const { db, key, type, decoded, expiresAtMs, elements } of entries) {
      await line.send('SELECT', String(db))
      assert.deepEqual(plain(decoded), await ask(line, key, type.kind), text(key))
      const expires = Number(await line.send('PEXPIRETIME', key))
      assert.equal(expiresAtMs ?? -1, expires)
      assert.equal(elements, Number(await line.send(LENGTH_OF[type.kind] ?? '', key)), text(key))
    }
    await line.send('SELECT', '0')
    assert.equal(entries.filter(({ db }) => db === 0).length, Number(await line.send('DBSIZE')))
  })

  it('decodes a stream with its groups and what is pending', async () => {
    const { entries } = readAll(file, 100)
    const stream = entries.find(({ key }) => text(key) === 'stream')?.decoded
    assert.ok(stream?.kind === 'stream')
    assert.equal(stream.length, Number(await line.send('XLEN', 'stream')))
    assert.deepEqual(stream.counters?.entriesAdded, 250n)
    assert.equal(streamIdText(stream.lastId), '1250-1')
    const readers = stream.groups.find(({ name }) => text(name) === 'readers')
    assert.equal(streamIdText(readers?.lastId ?? { ms: 0n, sequence: 0n }), '1017-2')
    const pending = (await line.send('XPENDING', 'stream', 'readers', '-', '+', '100')) as [
      Buffer,
      Buffer,
      number,
      number,
    ][]
    assert.deepEqual(
      readers?.pending.map(({ id, deliveries }) => [streamIdText(id), deliveries]),
      pending.map(([id, , , deliveries]) => [text(id), deliveries]),
    )
    assert.deepEqual(Object.fromEntries(readers.consumers.map(({ name, pending }) => [text(name), pending.length])), {
      ann: 8,
      bob: 5,
    })
    const empty = entries.find(({ key }) => text(key) === 'stream:empty')?.decoded
    assert.ok(empty?.kind === 'stream')
    assert.equal(streamIdText(empty.lastId), '18446744073709551615-7')
  })

  it('makes payloads that RESTORE takes, as DUMP does', async () => {
    const { entries, libraries } = readAll(file, 1 << 20)
    const target = await startServer({ debug: true })
    const other = await bytesOf(target)
    try {
      assert.equal(libraries.length, 1)
      await other.send('FUNCTION', 'LOAD', libraries[0] ?? '')
      for (const { db, key, type, raw, expiresAtMs } of entries) {
        const payload = dumpPayload({ type, value: raw })
        assert.ok(payload)
        await line.send('SELECT', String(db))
        const dumped = (await line.send('DUMP', key)) as Buffer
        // Everything but what comes out of a hash table is the same to the byte.
        if (type.name !== 'set' && type.name !== 'hash')
          assert.equal(dumped.subarray(0, -10).toString('hex'), payload.subarray(0, -10).toString('hex'), text(key))
        const parsed = parseDump(dumped)
        assert.equal(parsed.type.name, type.name)
        assert.deepEqual(plain(decodeValue({ ...parsed })), plain(decodeValue({ type, value: raw })))
        await other.send('SELECT', String(db))
        await other.send('RESTORE', key, String(expiresAtMs ?? 0), payload, 'ABSTTL')
      }
      await line.send('SELECT', '0')
      await assertSameDataset(target, source)
    } finally {
      other.close()
      await target.stop()
    }
  })

  it('writes an RDB that a server loads, the same as the one it came from', async () => {
    const { entries, libraries } = readAll(file, 5000)
    const writer = new RdbWriter('redis', 10)
    const pieces = [writer.begin({ 'redis-ver': '7.0.15' }), ...libraries.map((code) => writer.library(code))]
    let db: number | undefined
    for (const entry of entries) {
      if (entry.db !== db) pieces.push(writer.database(entry.db))
      db = entry.db
      pieces.push(writer.entry({ ...entry, value: entry.raw }))
    }
    pieces.push(writer.end())
    const target = await startServer({ debug: true })
    try {
      await target.kill('SIGKILL')
      writeFileSync(join(target.dir, 'dump.rdb'), Buffer.concat(pieces))
      await target.restart()
      await assertSameDataset(target, source)
    } finally {
      await target.stop()
    }
  })

  it('reads how long keys were idle, or how often they were used', async () => {
    await line.send('CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru')
    await line.send('SAVE')
    assert.ok(readAll(file, 777).entries.every(({ idleSeconds }) => idleSeconds !== undefined && idleSeconds < 1000))
    await line.send('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu')
    await line.send('SAVE')
    const { entries, outcome } = readAll(file, 777)
    assert.ok(entries.every(({ frequency }) => frequency !== undefined && frequency < 256))
    assert.equal(outcome.checksum, 'ok')
    await line.send('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '0')
  })
})

const LENGTH_OF: Readonly<Record<string, string>> = {
  string: 'STRLEN',
  list: 'LLEN',
  set: 'SCARD',
  zset: 'ZCARD',
  hash: 'HLEN',
  stream: 'XLEN',
}
