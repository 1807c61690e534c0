// A base that the server wrote to its own disk with BGSAVE, for servers that refuse PSYNC and whose files can be reached from
// here. The dataset is of one moment, that of the fork. Where the server has a backlog its file says at which offset that
// was, so that a stream goes on from it as from any other base.

import { open, readFile, stat, type FileHandle } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { infoNumber, type Info } from '../redis/info.ts'
import { askWhereSaved, SaveFailed, saveNow, type SaveOptions } from '../redis/save.ts'
import type { RdbHead } from '../replication/rdb-head.ts'
import type { BaseHead, FetchBase } from './base-method.ts'
import { bytesOfFile, readHead, takeOwnFiles, unreachable, type OwnFilesOptions } from './own-files.ts'

const LOG_BYTES = 64 * 1024
const TROUBLE = /MISCONF|rdb|save|fork|write error|no space|permission/i

/** Has the server save, and reads its file. Throws MethodRefused where it may not be asked, or its folder cannot be reached. */
export function savedBase(options: OwnFilesOptions): FetchBase {
  return takeOwnFiles(options, async ({ asking, info, target, begin }) => {
    const file = await saveAndOpen(asking, options)
    try {
      const head = await readHead(file, target)
      const writer = begin(headOf(head, info, target, (await file.stat()).size))
      for await (const piece of bytesOfFile(file, options.signal)) await writer.write(piece)
    } finally {
      await file.close()
    }
  })
}

/** The file of a save that began after this call. Open, it stays as it is, whatever the server saves next. */
async function saveAndOpen(asking: SaveOptions, { reach }: OwnFilesOptions): Promise<FileHandle> {
  const { target } = asking
  const where = await askWhereSaved(asking)
  const { here: dir, why } = await reach(where.dir)
  if (dir === undefined) throw unreachable(target, where.dir, why)
  const path = join(dir, where.file.slice(where.dir.length))
  const before = await identityOf(path)
  try {
    await saveNow(asking)
  } catch (error) {
    if (!(error instanceof SaveFailed)) throw error
    const log = await reach(isAbsolute(where.log) ? where.log : join(where.dir, where.log))
    throw await withLog(error, log.here, where.log)
  }
  if ((await askWhereSaved(asking)).file !== where.file)
    throw new SaveFailed({
      doing: 'saving',
      target,
      why: 'its dir or dbfilename was changed meanwhile',
      hint: 'Do it again.',
    })
  if ((await identityOf(path)) === before)
    throw unreachable(target, where.dir, `${path} did not change with the save: it belongs to something else`)
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
