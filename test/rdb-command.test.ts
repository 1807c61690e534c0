// `respite rdb` in a process of its own, on files of the real server and on damaged ones, packed and encrypted: what it
// prints is checked against the contract, and its exit code against the state of the file.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { startServer } from '../lab/servers.ts'
import { faultSchema, rdbSchema, type RdbDocument } from '../src/api/contract.ts'
import { startProgressBar } from '../src/cli/progress-bar.ts'
import { encryptAge } from '../src/lib/age.ts'
import { crc64 } from '../src/rdb/crc64.ts'
import { FileBeside, SLOT_BYTES, SLOTS } from '../src/rdb/file-beside.ts'
import { openRdb, type OpenOptions } from '../src/rdb/open-rdb.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { bytesOf, rdbOf } from './rdb-bytes.ts'

const RESPITE = join(import.meta.dirname, '..', 'respite')
const RESPITE_SOURCE = join(import.meta.dirname, '..', 'package-lock.json')

interface Ran {
  readonly exit: number | null
  readonly out: string
  readonly err: string
}

/** Runs the command with bytes on its standard input. */
function run(args: readonly string[], input: Uint8Array = Buffer.alloc(0)): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(RESPITE, ['rdb', ...args])
    let out = ''
    let err = ''
    child.stdout.on('data', (text: Buffer) => (out += text.toString()))
    child.stderr.on('data', (text: Buffer) => (err += text.toString()))
    child.stdin.on('error', () => undefined) // it may end before it has read all
    child.once('close', (exit) => resolve({ exit, out, err }))
    child.stdin.end(input)
  })
}

async function documentOf(args: readonly string[], input?: Uint8Array): Promise<RdbDocument> {
  const { exit, out, err } = await run([...args, '--json'], input)
  assert.deepEqual([exit, err], [0, ''])
  return rdbSchema.parse(JSON.parse(out))
}

describe('respite rdb', () => {
  let dir = ''
  let rdb: Buffer
  const file = (name: string, bytes: Uint8Array): string => {
    const path = join(dir, name)
    writeFileSync(path, bytes)
    return path
  }

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'respite-rdb-'))
    const server = await startServer({ debug: true })
    await server.cli('EVAL', FILL, '0')
    await server.cli('-n', '3', 'SET', 'lone', 'x')
    await server.cli('SAVE')
    rdb = readFileSync(join(server.dir, 'dump.rdb'))
    await server.stop()
  })
  after(() => rmSync(dir, { recursive: true }))
  nothingLeftAfterwards()

  it('says what is in a file, as the contract has it', async () => {
    const path = file('dump.rdb', rdb)
    const document = await documentOf([path, '--top', '2'])
    assert.partialDeepStrictEqual(document, {
      file: path,
      bytes: rdb.length,
      flavour: 'redis',
      checksum: 'ok',
      complete: true,
      analysedBytes: rdb.length,
      trailingBytes: 0,
      keys: 301,
      expires: 100,
      databases: [
        { db: 0, keys: 300, expires: 100 },
        { db: 3, keys: 1, expires: 0 },
      ],
      notDecoded: [],
    })
    assert.match(document.serverVersion ?? '', /^\d+\.\d+\.\d+$/)
    const byName = new Map(document.namespaces.map((namespace) => [namespace.name, namespace]))
    assert.partialDeepStrictEqual(byName.get('session'), { keys: 100, withTtl: 100, types: { string: 100 } })
    assert.partialDeepStrictEqual(byName.get('user'), { keys: 199, withTtl: 0, types: { hash: 199 } })
    assert.equal(document.biggest.length, 2)
    assert.partialDeepStrictEqual(document.biggest[0], { key: 'user:large', type: 'hash', elements: 1000 })
    assert.equal(document.ttls.day, 100)
    const deeper = await documentOf([path, '--depth', '2'])
    assert.ok(deeper.namespaces.some(({ name }) => name === 'user:odd'))
    const other = await documentOf([path, '--separator', '/'])
    assert.deepEqual(
      other.namespaces.map(({ name }) => name),
      [''],
    )
  })

  it('tells a person first whether it is good', async () => {
    const { exit, out, err } = await run([file('dump.rdb', rdb)])
    assert.deepEqual([exit, err], [0, ''])
    assert.match(out, /^\S+dump\.rdb: complete, checksum ok\n/)
    assert.match(out, /RDB \d+ of Redis \d+\.\d+\.\d+ · saved \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, /)
    assert.match(out, /^ {2}301 keys, 100 expire \(100 within a day\)$/m)
    assert.match(out, /^NAMESPACE {2,}KEYS {2,}BYTES {2,}OF FILE {2,}WITH TTL {2,}TYPES$/m)
    assert.match(out, /^user:large {2,}0 {3}hash .* 1000$/m)
    assert.match(out, /^\(no separator\) {2,}1 /m)
  })

  it('takes it from a pipe, packed, encrypted, and both', async () => {
    const identity = await generateIdentity()
    const key = file('key.txt', Buffer.from(`# a comment\n${identity}\n`))
    const encrypt = async (bytes: Buffer): Promise<Buffer> => {
      const recipient = await identityToRecipient(identity)
      async function* one(): AsyncGenerator<Buffer> {
        yield bytes
      }
      return Buffer.concat(await Array.fromAsync(encryptAge(one(), [recipient])))
    }
    async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000)
    }
    const isWhole = async (path: string, options?: OpenOptions): Promise<void> => {
      const { chunks } = await openRdb(path, options)
      assert.ok(rdb.equals(Buffer.concat(await Array.fromAsync(chunks, (chunk) => Buffer.from(chunk)))), path)
    }
    const both = await encrypt(zstdCompressSync(rdb))
    await isWhole(file('a.rdb', rdb))
    await isWhole('-', { input: pieces(rdb) })
    await isWhole('-', { input: pieces(zstdCompressSync(rdb)) })
    await isWhole(file('a.rdb.zst', zstdCompressSync(rdb)))
    await isWhole(file('a.rdb.gz', gzipSync(rdb)))
    await isWhole(file('a.rdb.age', await encrypt(rdb)), { identityFile: key })
    await isWhole('-', { input: pieces(both), identityFile: key })
    const { file: name, keys } = await documentOf(['-', '--identity', key], both)
    assert.deepEqual([name, keys], ['standard input', 301])

    const locked = await run([file('a.rdb.zst.age', both)])
    assert.equal(locked.exit, 1)
    assert.match(locked.err, /it is encrypted, and no identity is given\n {2}Give the private key with --identity/)
    const wrongKey = file('wrong.txt', Buffer.from(await generateIdentity()))
    assert.equal((await run([file('a.rdb.zst.age', both), '--identity', wrongKey])).exit, 2)
    const cut = await run([file('cut.zst', zstdCompressSync(rdb).subarray(0, -50)), '--json'])
    assert.equal(cut.exit, 2)
    assert.match(faultSchema.parse(JSON.parse(cut.out)).fault.why, /^zstd: /)
  })

  it('shows what stands before a cut, and says where that is', async () => {
    // Near the end: the order of keys is by chance, and half of the file is one large key, which may come first.
    const left = rdb.length - 200
    const cut = file('cut.rdb', rdb.subarray(0, left))
    const { exit, out, err } = await run([cut])
    assert.equal(exit, 2)
    assert.match(out, /^\S+cut\.rdb: DAMAGED OR CUT\. What could be read, up to byte \d+ \(\d+ % of what is there\):\n/)
    assert.match(out, /^session {2,}\d+/m)
    assert.match(err, /^reading the RDB \S+cut\.rdb \(byte \d+\): expected .*\n {2}\S/)
    const json = await run([cut, '--json'])
    assert.deepEqual([json.exit, json.err], [2, ''])
    const { fault } = faultSchema.parse(JSON.parse(json.out))
    assert.ok(fault.offset !== undefined && fault.offset <= left)
  })

  it('sees one flipped bit by the checksum', async () => {
    const flipped = Buffer.from(rdb)
    const at = flipped.indexOf('value of session') + 3
    flipped[at] = (flipped[at] ?? 0) ^ 1
    const { exit, out } = await run([file('flipped.rdb', flipped)])
    assert.equal(exit, 2)
    assert.match(out, /WRONG CHECKSUM: the bytes changed after they were written\n {2}→ Do not restore from it/)
    const json = await run([join(dir, 'flipped.rdb'), '--json'])
    assert.equal(json.exit, 2)
    assert.partialDeepStrictEqual(rdbSchema.parse(JSON.parse(json.out)), { checksum: 'bad', complete: true, keys: 301 })
  })

  it('analyses up to what it does not know, and leaves what it cannot decode', async () => {
    const module = [0x81, Buffer.from('4b54d41cd0d0d001', 'hex')]
    const odd = rdbOf('REDIS0012', [0, 'k', 'v', 7, 'm', module, 0], [0, bytesOf(3, Buffer.from('ff00fe', 'hex')), 'v'])
    const known = await documentOf([file('module.rdb', odd)])
    assert.deepEqual(known.notDecoded, [{ type: 7, name: 'S1TUHNDQ0', keys: 1 }])
    assert.ok(known.biggest.some(({ key, keyBase64 }) => key === undefined && keyBase64 === '/wD+'))
    const future = await run([file('future.rdb', rdbOf('REDIS0099', [0, 'k', 'v', 88, 'new'])), '--json'])
    assert.equal(future.exit, 1)
    const document = rdbSchema.parse(JSON.parse(future.out))
    assert.partialDeepStrictEqual(document, {
      complete: false,
      checksum: 'ok',
      keys: 1,
      unknown: { code: 88, offset: 14 },
    })
    assert.match((await run([join(dir, 'future.rdb')])).out, /analysed up to byte 14: what follows is of type 88/)
  })

  it('knows the end mark that old redis-cli leaves', async () => {
    const marked = file('marked.rdb', Buffer.concat([rdb, Buffer.alloc(40, 'f')]))
    assert.equal((await documentOf([marked])).trailingBytes, 40)
    assert.match((await run([marked])).out, /40 bytes behind its end: .* harmless/)
  })

  it('says what is wrong with its arguments, and with what is no RDB', async () => {
    for (const args of [[], ['x', '--depth', '0'], ['x', '--top', 'many']]) assert.equal((await run(args)).exit, 64)
    assert.match((await run([join(dir, 'nothing')])).err, /^opening .*nothing: ENOENT/)
    assert.match((await run([dir])).err, /it is a directory\n {2}Of an AOF directory/)
    const { exit, out, err } = await run([file('text', Buffer.from('hello, this is no RDB'))])
    assert.deepEqual([exit, out], [2, ''])
    assert.match(err, /\(byte 0\): expected REDIS or VALKEY and a version, found "hello, th"/)
    assert.match(
      (await run([file('empty', Buffer.alloc(0))])).err,
      /expected REDIS or VALKEY and a version, found the end/,
    )
  })
})

describe('the progress bar', () => {
  it('is drawn on a terminal only, and leaves nothing behind', () => {
    let now = 0
    const written: string[] = []
    const bar = (isTTY: boolean): ReturnType<typeof startProgressBar> =>
      startProgressBar({ isTTY, columns: 100, write: (text) => written.push(text) }, 2000, () => now)
    const drawn = bar(true)
    const silent = bar(false)
    now = 500
    silent.show(1000)
    silent.end()
    assert.deepEqual(written, [])
    drawn.show(1000)
    drawn.show(1001) // ten times a second at most
    drawn.end()
    const line = `${'█'.repeat(12)}${'░'.repeat(12)} 50 %  1000 B of 2 KiB  2 KiB/s  500 ms left`
    assert.deepEqual(written, [`\r${line}\u001b[K`, '\r\u001b[K'])
  })
})

describe('a file that a thread beside reads', () => {
  /** Takes its time with the second chunk, so that the other thread stands by then and goes on with the rest. */
  async function readAll(beside: FileBeside, pauseMs: number): Promise<Buffer> {
    const read: Buffer[] = []
    for await (const chunk of beside.chunks()) {
      read.push(Buffer.from(chunk))
      if (read.length === 2) await pause(pauseMs)
    }
    return Buffer.concat(read)
  }

  it('comes whole and in order, with its sum, also when something stands behind its end', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'respite-beside-'))
    const path = join(dir, 'file')
    for (const size of [0, 7, 8, 9, SLOT_BYTES, SLOT_BYTES * SLOTS + 1, SLOT_BYTES * SLOTS * 3]) {
      const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 31) % 251))
      writeFileSync(path, bytes)
      for (const pauseMs of size > SLOT_BYTES ? [0, 300] : [0]) {
        const beside = new FileBeside(path, size)
        assert.ok(bytes.equals(await readAll(beside, pauseMs)))
        const summed = Math.max(0, size - 8)
        beside.add(bytes, 0, summed)
        assert.deepEqual(beside.digest(), crc64(bytes.subarray(0, summed)))
        beside.add(bytes, summed) // not what the thread summed up: it is read again
        assert.deepEqual(beside.digest(), crc64(bytes))
      }
    }
    rmSync(dir, { recursive: true })
  })

  it('is let go when nobody wants more of it, and says when it cannot be read', async () => {
    for await (const chunk of new FileBeside(RESPITE_SOURCE, 100).chunks()) if (chunk.length > 0) break
    const missing = new FileBeside(join(tmpdir(), 'there', 'is', 'none'), 100)
    await assert.rejects(Array.fromAsync(missing.chunks()), /ENOENT/)
  })
})

const FILL = `
for i = 1, 100 do
  redis.call('SET', 'session:' .. i, 'value of session ' .. i, 'EX', 40000)
  redis.call('HSET', 'user:odd:' .. i, 'name', i)
  if i < 99 then redis.call('HSET', 'user:even:' .. i, 'name', i) end
end
for i = 1, 1000 do redis.call('HSET', 'user:large', 'field' .. i, 'some value') end
redis.call('SADD', 'queue:1', 'a')
`
