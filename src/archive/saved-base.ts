// A base that the server wrote to its own disk with BGSAVE, for servers that refuse PSYNC and whose files can be reached from
// here. The dataset is of one moment, that of the fork. Where the server has a backlog its file says at which offset that
// was, so that a stream goes on from it as from any other base.

import { open, readFile, stat, type FileHandle } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { openConnection } from '../redis/connection.ts'
import { infoNumber, parseInfo, type Info } from '../redis/info.ts'
import { askWhereSaved, SaveFailed, saveNow, SaveRefused, type SaveOptions } from '../redis/save.ts'
import { showAddress } from '../redis/url.ts'
import { readRdbHead, type RdbHead } from '../replication/rdb-head.ts'
import type { Source } from '../replication/handshake.ts'
import type { BaseWriter } from '../replication/sink.ts'
import { MethodRefused, type BaseHead, type FetchBase } from './base-method.ts'

export interface SavedOptions {
  readonly source: Source
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The name by which a path of the server's machine is read here, or undefined where it cannot be. */
  reach(path: string): Promise<string | undefined>
  onWait?(why: string): void
}

const ANSWER_MS = 60_000 // a fork of a big server keeps it from answering
const PIECE_BYTES = 1024 * 1024
const LOG_BYTES = 64 * 1024
const TROUBLE = /MISCONF|rdb|save|fork|write error|no space|permission/i

/** Has the server save, and reads its file. Throws MethodRefused where it may not be asked, or its folder cannot be reached. */
export function savedBase(options: SavedOptions): FetchBase {
  return async (onBase) => {
    const { source, clock, signal } = options
    const target = showAddress(source.address)
    const connection = await openConnection({ ...source, timeoutMs: ANSWER_MS, name: 'respite-backup' })
    let writer: BaseWriter | undefined
    let file: FileHandle | undefined
    try {
      const asking: SaveOptions = { ...options, send: connection.send, target, clock, signal }
      const info = parseInfo(String(await connection.send('INFO')))
      file = await saveAndOpen(asking, options)
      const head = await readHead(file, target)
      writer = onBase(headOf(head, info, target, (await file.stat()).size))
      await copy(file, writer, signal)
      await writer.end()
    } catch (error) {
      const fault = inWords(error, target)
      writer?.abort(fault)
      throw fault
    } finally {
      await file?.close()
      connection.close()
    }
  }
}

/** The file of a save that began after this call. Open, it stays as it is, whatever the server saves next. */
async function saveAndOpen(asking: SaveOptions, { reach }: SavedOptions): Promise<FileHandle> {
  const { target } = asking
  const where = await askWhereSaved(asking)
  const dir = await reach(where.dir)
  if (dir === undefined) throw unreachable(target, where.dir)
  const path = join(dir, where.file.slice(where.dir.length))
  const before = await identityOf(path)
  try {
    await saveNow(asking)
  } catch (error) {
    if (!(error instanceof SaveFailed)) throw error
    throw await withLog(error, await reach(isAbsolute(where.log) ? where.log : join(where.dir, where.log)), where.log)
  }
  if ((await askWhereSaved(asking)).file !== where.file)
    throw new SaveFailed({
      doing: 'saving',
      target,
      why: 'its dir or dbfilename was changed meanwhile',
      hint: 'Do it again.',
    })
  if ((await identityOf(path)) === before) throw unreachable(target, where.dir)
  return open(path)
}

/** Changes when the server writes the file anew; undefined: there is none. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { ino, mtimeMs, size } = await stat(path)
    return `${ino} ${mtimeMs} ${size}`
  } catch {
    return undefined // none there: the save will make it
  }
}

async function readHead(file: FileHandle, target: string): Promise<RdbHead> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536), 0, 65_536, 0)
  const head = readRdbHead(buffer.subarray(0, bytesRead), true)
  if (head !== undefined && head !== 'not-rdb') return head
  const hint = 'Look at what else writes to this file; dbfilename names it.'
  throw new Fault({ doing: 'reading the RDB of', target, why: 'what it saved is no RDB', hint })
}

function headOf({ flavour, aux }: RdbHead, info: Info, source: string, sizeBytes: number): BaseHead {
  const [replid, offset] = [aux.get('repl-id') ?? null, Number(aux.get('repl-offset') ?? Number.NaN)]
  const isJoined = replid !== null && Number.isSafeInteger(offset)
  const place = isJoined ? { replid, offset } : { replid: null, offset: null }
  const near = {
    replid: replid ?? info.get('master_replid') ?? '0'.repeat(40),
    offset: isJoined ? offset : (infoNumber(info, 'master_repl_offset') ?? 0),
  }
  const db = Math.max(0, Number(aux.get('repl-stream-db') ?? 0))
  const serverVersion = aux.get('valkey-ver') ?? aux.get('redis-ver')
  return { method: 'bgsave', consistent: true, source, flavour, serverVersion, sizeBytes, db, near, ...place }
}

async function copy(file: FileHandle, writer: BaseWriter, signal: AbortSignal): Promise<void> {
  for (let at = 0; ;) {
    signal.throwIfAborted()
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, at)
    if (bytesRead === 0) return
    at += bytesRead
    await writer.write(buffer.subarray(0, bytesRead))
  }
}

/** The failure with what the server's log says of it, where that can be read. */
async function withLog(error: SaveFailed, path: string | undefined, named: string): Promise<SaveFailed> {
  if (path === undefined || named === '') return error
  try {
    const text = (await readFile(path)).subarray(-LOG_BYTES).toString('latin1')
    // "123:C 21 Nov 2026 10:47:51.123 # Failed opening …": # marks a warning, C is the child that saves.
    const line = text
      .split('\n')
      .findLast((each) => / # /.test(each) && TROUBLE.test(each) && !/saving error/i.test(each))
    if (line === undefined) return error
    const { doing, target, hint } = error
    return new SaveFailed({
      doing,
      target,
      why: `the save failed: ${line.slice(line.indexOf(' # ') + 3).trim()}`,
      hint,
    })
  } catch {
    return error // the log is another user's: INFO said that it failed
  }
}

function unreachable(target: string, dir: string): MethodRefused {
  return new MethodRefused({
    doing: 'collecting the RDB of',
    target,
    why: `its folder ${dir} cannot be reached from here`,
    hint: 'Run this where the server runs, as its user or as root; or choose --method scan.',
    exit: 1,
    retryable: false,
  })
}

function inWords(error: unknown, target: string): Fault {
  if (error instanceof SaveRefused) return new MethodRefused({ ...partsOf(error), exit: 1, retryable: false })
  if (error instanceof Fault) return error
  return new Fault({ doing: 'taking a saved RDB from', target, why: reasonOf(error), cause: error })
}

function partsOf({ doing, target, why, hint }: Fault): Pick<Fault, 'doing' | 'target' | 'why' | 'hint'> {
  return { doing, target, why, hint }
}
