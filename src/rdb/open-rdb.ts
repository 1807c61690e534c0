// Opens an RDB wherever a person has one: a file or standard input, as it is, packed by zstd or gzip, encrypted with age,
// and one in the other. What it is, its first bytes say, not its name.

import { fstatSync, read, type Stats } from 'node:fs'
import { open, readFile, type FileHandle } from 'node:fs/promises'
import { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { Fault, reasonOf } from '../lib/fault.ts'
import { through } from '../lib/through.ts'
import type { Sum } from './crc64.ts'
import { FileBeside } from './file-beside.ts'

export interface OpenedRdb {
  readonly name: string // for people: the path, or "standard input"
  readonly chunks: AsyncIterable<Uint8Array> // plain; a chunk is good until the next one is asked for
  readonly bytes: number | undefined // of all chunks, when that is known beforehand
  readonly sourceBytes: number | undefined // as they lie there, packed and encrypted; undefined for a pipe
  readonly sum: Sum | undefined // for the scanner, where another thread sums up
  readBytes(): number // of those, so far
}

export interface OpenOptions {
  readonly identityFile?: string | undefined // age's private keys
  readonly input?: AsyncIterable<Uint8Array> // what `-` means; standard input when absent
}

const CHUNK = 1024 * 1024
const PIPE_CHUNK = 64 * 1024 // what a pipe holds
const HEAD = 64
const WORTH_A_THREAD = 32 * 1024 * 1024
const MOST_LAYERS = 4

type Layer = 'zstd' | 'gzip' | 'age'

const LAYERS: readonly (readonly [start: Buffer, layer: Layer])[] = [
  [Buffer.from('28b52ffd', 'hex'), 'zstd'],
  [Buffer.from('1f8b', 'hex'), 'gzip'],
  [Buffer.from('age-encryption.org/v1'), 'age'],
]

export async function openRdb(path: string, { identityFile, input }: OpenOptions = {}): Promise<OpenedRdb> {
  if (path === '-') {
    const source = { name: 'standard input', chunks: input ?? standardInput(), sourceBytes: undefined }
    return openRdbStream(source, { identityFile })
  }
  const { handle, stats } = await openFile(path)
  const sourceBytes = stats.isFile() ? stats.size : undefined
  let read = 0
  const count = (bytes: number): void => void (read += bytes)
  const head = stats.isFile() ? await handle.read(Buffer.alloc(HEAD), 0, HEAD, 0) : undefined
  if (head !== undefined && layerOf(head.buffer.subarray(0, head.bytesRead)) === undefined) {
    const isLarge = stats.size >= WORTH_A_THREAD && availableParallelism() > 1
    const beside = isLarge ? new FileBeside(path, stats.size) : undefined
    if (isLarge) await handle.close()
    const chunks = counting(beside?.chunks() ?? readInTurn(handle), path, count)
    return { name: path, chunks, bytes: stats.size, sourceBytes, sum: beside, readBytes: () => read }
  }
  const chunks = await unpack(counting(readInTurn(handle), path, count), path, identityFile)
  return { name: path, chunks, bytes: undefined, sourceBytes, sum: undefined, readBytes: () => read }
}

/** An RDB that comes from elsewhere: each chunk has to be good until the next one is asked for. */
export async function openRdbStream(
  source: Pick<OpenedRdb, 'name' | 'chunks' | 'sourceBytes'>,
  { identityFile }: Pick<OpenOptions, 'identityFile'>,
): Promise<OpenedRdb> {
  const { name, sourceBytes } = source
  let read = 0
  const counted = counting(source.chunks, name, (bytes) => (read += bytes))
  const chunks = await unpack(counted, name, identityFile)
  return { name, chunks, bytes: undefined, sourceBytes, sum: undefined, readBytes: () => read }
}

async function openFile(path: string): Promise<{ handle: FileHandle; stats: Stats }> {
  try {
    const handle = await open(path)
    const stats = await handle.stat()
    if (!stats.isDirectory()) return { handle, stats }
    await handle.close()
  } catch (error) {
    throw new Fault({ doing: 'opening', target: path, why: reasonOf(error), retryable: false, cause: error })
  }
  const hint = 'Of an AOF directory the RDB is the file that ends in .base.rdb.'
  throw new Fault({ doing: 'opening', target: path, why: 'it is a directory', hint, retryable: false })
}

/** Two buffers in turn: the next chunk is read while one is looked at. */
async function* readInTurn(handle: FileHandle): AsyncGenerator<Buffer> {
  try {
    // No place is named, since pipes have none. The one look at the beginning named its place, and so moved nothing.
    yield* inTurn(async (buffer) => (await handle.read(buffer, 0, CHUNK, null)).bytesRead)
  } finally {
    await handle.close()
  }
}

async function* inTurn(fill: (buffer: Buffer) => Promise<number>): AsyncGenerator<Buffer> {
  const buffers = [Buffer.allocUnsafeSlow(CHUNK), Buffer.allocUnsafeSlow(CHUNK)] as const
  const next = async (buffer: Buffer): Promise<Buffer> => buffer.subarray(0, await fill(buffer))
  let pending = next(buffers[0])
  for (let turn = 1; ; turn += 1) {
    const chunk = await pending
    if (chunk.length === 0) return
    pending = next(buffers[turn % 2 === 0 ? 0 : 1])
    pending.catch(() => undefined) // thrown at the next turn, if there is one
    yield chunk
  }
}

/**
 * Standard input in few buffers that are used again: with a new one for every 64 KiB, which is the usual way, a fast pipe
 * makes tens of megabytes of garbage before anybody collects it.
 */
function standardInput(): AsyncIterable<Uint8Array> {
  const stats = fstatSync(0)
  if (stats.isFIFO() || stats.isSocket()) return pipeInput()
  if (!stats.isFile()) return process.stdin
  return inTurn(
    (buffer) =>
      new Promise((resolve, reject) => {
        read(0, buffer, 0, CHUNK, null, (error, bytes) => (error === null ? resolve(bytes) : reject(error)))
      }),
  )
}

async function* pipeInput(): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(PIPE_CHUNK)
  let wake: () => void = () => undefined
  let bytes = 0 // that are in the buffer and were not looked at
  let isEnd = false
  let failure: Error | undefined
  const take = (count: number): boolean => {
    bytes = count
    wake()
    return false // no more until these were looked at
  }
  const socket = new Socket({ fd: 0, readable: true, writable: false, onread: { buffer, callback: take } })
  const end = (): void => {
    isEnd = true
    wake()
  }
  socket.once('end', end).once('close', end)
  socket.once('error', (error) => {
    failure = error
    end()
  })
  try {
    for (;;) {
      if (bytes === 0 && !isEnd) {
        const woken = new Promise<void>((resolve) => (wake = resolve))
        socket.resume()
        await woken
      }
      if (failure !== undefined) throw failure
      if (bytes === 0) return
      yield buffer.subarray(0, bytes)
      bytes = 0
    }
  } finally {
    socket.destroy()
  }
}

type Step = IteratorResult<Uint8Array, unknown>

async function* counting(
  source: AsyncIterable<Uint8Array>,
  target: string,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  const next = async (): Promise<Step> => {
    try {
      return await iterator.next()
    } catch (error) {
      throw error instanceof Fault ? error : new Fault({ doing: 'reading', target, why: reasonOf(error), cause: error })
    }
  }
  try {
    for (let step = await next(); step.done !== true; step = await next()) {
      count(step.value.length)
      yield step.value
    }
  } finally {
    await iterator.return?.()
  }
}

function layerOf(head: Buffer): Layer | undefined {
  return LAYERS.find(([start]) => head.subarray(0, start.length).equals(start))?.[1]
}

/** Takes off one layer after the other, until what begins there is none. */
async function unpack(
  source: AsyncIterable<Uint8Array>,
  name: string,
  identityFile: string | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  let chunks = source
  let letGo: () => Promise<unknown> = () => Promise.resolve()
  try {
    for (let layers = 0; layers < MOST_LAYERS; layers += 1) {
      const looked = await look(chunks)
      chunks = looked.all
      letGo = looked.letGo
      const layer = layerOf(looked.head)
      if (layer === undefined) return chunks
      if (layers === 0) chunks = copies(chunks)
      chunks = layer === 'age' ? await decrypt(chunks, name, identityFile) : unpacking(chunks, layer, name)
    }
    return chunks
  } catch (error) {
    await letGo() // a file that nobody closes ends the process when it is collected
    throw error
  }
}

/** Chunks that stay as they are: who unpacks them asks for the next one before he is done. */
async function* copies(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; at += PIPE_CHUNK) yield Buffer.from(chunk.subarray(at, at + PIPE_CHUNK))
}

interface Looked {
  readonly head: Buffer // the first bytes
  readonly all: AsyncIterable<Uint8Array>
  letGo(): Promise<unknown> // nobody will read `all`
}

async function look(source: AsyncIterable<Uint8Array>): Promise<Looked> {
  const iterator = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  let step: Step = { done: false, value: head }
  while (head.length < HEAD && step.done !== true) {
    step = await iterator.next()
    if (step.done !== true) head = Buffer.concat([head, step.value])
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head
      while (step.done !== true) {
        step = await iterator.next()
        if (step.done !== true) yield step.value
      }
    } finally {
      await iterator.return?.()
    }
  }
  return { head, all: all(), letGo: async () => iterator.return?.() }
}

async function* unpacking(
  source: AsyncIterable<Uint8Array>,
  layer: 'zstd' | 'gzip',
  target: string,
): AsyncGenerator<Uint8Array> {
  const { createGunzip, createZstdDecompress } = await import('node:zlib')
  try {
    yield* through(source, layer === 'zstd' ? createZstdDecompress() : createGunzip())
  } catch (error) {
    const isDamage = error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code))
    if (!isDamage) throw error
    const hint = 'The packed file is damaged or cut; take it again.'
    const why = `${layer}: ${reasonOf(error)}`
    throw new Fault({ doing: 'unpacking', target, why, hint, retryable: false, cause: error })
  }
}

async function decrypt(
  chunks: AsyncIterable<Uint8Array>,
  target: string,
  identityFile: string | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  if (identityFile === undefined) {
    const hint = 'Give the private key with --identity FILE.'
    const why = 'it is encrypted, and no identity is given'
    throw new Fault({ doing: 'decrypting', target, why, hint, exit: 1, retryable: false })
  }
  const { decryptAge, parseIdentities } = await import('../lib/age.ts') // its library takes a tenth of a second to load
  return decryptAge(chunks, parseIdentities(await textOf(identityFile), identityFile), target)
}

async function textOf(identityFile: string): Promise<string> {
  try {
    return await readFile(identityFile, 'utf8')
  } catch (error) {
    const doing = 'reading the age identity'
    throw new Fault({ doing, target: identityFile, why: reasonOf(error), exit: 64, retryable: false, cause: error })
  }
}
