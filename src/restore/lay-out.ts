// Writes what redis-server loads by itself. All of it first lies in a folder of another name, so that whatever breaks leaves
// no half restore that a server would start on; then it gets its name, the files before what names them.
//
//   aof         appendonlydir/ with a base, the stream behind it and a manifest: Redis 7 and later, Valkey
//   aof-single  appendonly.aof, an RDB with commands behind it: also what Redis 4 to 6 load; later ones convert it
//   rdb         dump.rdb

import { mkdir, open, readdir, rename, rm, statfs, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pieceHead } from '../archive/pieces.ts'
import { readSealed, type Reading } from '../archive/read-segment.ts'
import { readStream } from '../archive/read-stream.ts'
import { partOf } from '../archive/verify-base.ts'
import type { Target } from '../archive/find-target.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { formatBytes } from '../lib/units.ts'
import type { Format, RestorePlan } from './plan-restore.ts'
import { writeServerFiles } from './server-files.ts'

export interface LayOutOptions {
  readonly signal: AbortSignal
  onProgress(writtenBytes: number): void
}

const UNDER_WAY = '.restoring'
const BASE = 'appendonly.aof.1.base.rdb'
const STREAM = 'appendonly.aof.1.incr.aof'

/** Throws a Fault (exit 1) unless the folder is empty or absent, and has room. Writes nothing. */
export async function checkFolder({ dir, bytes }: RestorePlan): Promise<void> {
  const [first] = await namesIn(dir)
  if (first !== undefined)
    throw refused(dir, `it is not empty (${first})`, 'Give an empty folder, or one that does not exist yet.')
  const parent = await existing(dir)
  const { bavail, bsize } = await statfs(parent)
  const needed = Math.ceil(bytes * 1.05) + 1024 * 1024 // what stands between the pieces, and the file system's own
  if (bavail * bsize < needed)
    throw refused(
      dir,
      `${formatBytes(bavail * bsize)} are free, and it takes ${formatBytes(needed)}`,
      'Free some space.',
    )
}

/** Lays out all shards; resolves with the bytes that were written. */
export async function layOut(reading: Reading, plan: RestorePlan, options: LayOutOptions): Promise<number> {
  const { dir, shards, format } = plan
  const underWay = join(dir, UNDER_WAY)
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await mkdir(underWay, { mode: 0o700 })
    const writing = new Writing(options)
    for (const { target, server, folder } of shards) {
      const into = folder === dir ? underWay : join(underWay, basename(folder))
      if (into !== underWay) await mkdir(into, { mode: 0o700 })
      if (server !== undefined) await writeServerFiles(into, server)
      await LAYOUTS[format](reading, target, { into, writing })
      await syncFolder(into)
    }
    for (const name of (await readdir(underWay)).toSorted(dataLast)) await rename(join(underWay, name), join(dir, name))
    await syncFolder(dir)
    return writing.bytes
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault({ doing: 'writing', target: dir, why: reasonOf(error), cause: error })
  } finally {
    await rm(underWay, { recursive: true, force: true })
  }
}

interface Place {
  readonly into: string
  readonly writing: Writing
}

type LayOut = (reading: Reading, target: Target, place: Place) => Promise<void>

const LAYOUTS: Readonly<Record<Format, LayOut>> = {
  async rdb(reading, target, { into, writing }) {
    await writing.file(join(into, 'dump.rdb'), baseOf(reading, target))
  },

  async aof(reading, target, { into, writing }) {
    const dir = join(into, 'appendonlydir')
    await mkdir(dir, { mode: 0o700 })
    await writing.file(join(dir, BASE), baseOf(reading, target))
    const commands = commandsOf(reading, target)
    if (commands !== undefined) await writing.file(join(dir, STREAM), commands)
    const lines = [`file ${BASE} seq 1 type b`, ...(commands !== undefined ? [`file ${STREAM} seq 1 type i`] : []), '']
    await writing.file(join(dir, 'appendonly.aof.manifest'), [Buffer.from(lines.join('\n'))])
    await syncFolder(dir)
  },

  /** Without time stamps: to Redis before 7 a line that begins with # is damage. */
  async 'aof-single'(reading, target, { into, writing }) {
    await writing.file(join(into, 'appendonly.aof'), preambleAndStream(reading, target))
  },
}

async function* baseOf(reading: Reading, { base }: Target): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of readSealed(reading, partOf(base, base.rdb))) {
    bytes += chunk.length
    yield chunk
  }
  if (bytes === base.rdb.bytes) return
  const why = `it has ${bytes} bytes, and its manifest says ${base.rdb.bytes}`
  throw new Fault({ doing: 'reading the base', target: base.id, why, hint: 'respite verify looks into all bases.' })
}

/** What is loaded behind the RDB: the stream that follows the base, or what the server itself had appended to it. */
function commandsOf(reading: Reading, target: Target): AsyncGenerator<Uint8Array> | undefined {
  if (target.segments.length > 0) return piecesOf(reading, target)
  const { increment } = target.base
  return increment === undefined ? undefined : readSealed(reading, partOf(target.base, increment))
}

async function* piecesOf(reading: Reading, target: Target): AsyncGenerator<Uint8Array> {
  for await (const { piece, offset, bytes } of streamOf(reading, target)) {
    if (offset === piece.from) yield pieceHead(piece)
    yield bytes
  }
}

async function* preambleAndStream(reading: Reading, target: Target): AsyncGenerator<Uint8Array> {
  yield* baseOf(reading, target)
  const { segments, base } = target
  if (segments.length === 0 && base.increment === undefined) return
  const db = String(base.db)
  yield Buffer.from(`*2\r\n$6\r\nSELECT\r\n$${db.length}\r\n${db}\r\n`)
  if (segments.length === 0) {
    yield* commandsOf(reading, target) ?? []
    return
  }
  for await (const { bytes } of streamOf(reading, target)) yield bytes
}

function streamOf(reading: Reading, { timeline, base, offset }: Target): ReturnType<typeof readStream> {
  const from = base.offset ?? 0
  return readStream(reading, { timeline, from, db: base.db, to: offset ?? from })
}

class Writing {
  bytes = 0
  readonly #options: LayOutOptions

  constructor(options: LayOutOptions) {
    this.#options = options
  }

  async file(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const { signal, onProgress } = this.#options
    const file = await open(path, 'wx', 0o600)
    try {
      for await (const chunk of chunks) {
        if (signal.aborted) throw refused(dirname(path), 'it was interrupted', 'Nothing of it was kept.')
        await writeWhole(file, chunk)
        this.bytes += chunk.length
        onProgress(this.bytes)
      }
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten
}

/** So that its names are on the disk, too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** What a server would start on comes when all the rest is there. */
function dataLast(a: string, b: string): number {
  return Number(a !== 'server-context') - Number(b !== 'server-context') || (a < b ? -1 : 1)
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw refused(dir, reasonOf(error), 'Give an empty folder, or one that does not exist yet.')
  }
}

/** The nearest folder above that there is. */
async function existing(dir: string): Promise<string> {
  for (let path = dir; path !== dirname(path); path = dirname(path)) {
    try {
      await readdir(path)
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return path
    }
  }
  return '/'
}

function refused(dir: string, why: string, hint: string): Fault {
  return new Fault({ doing: 'restoring into', target: dir, why, hint, exit: 1, retryable: false })
}
