// A base out of the append-only directory that the server keeps anyway, for servers that refuse PSYNC and cannot save: its RDB,
// and the commands behind it up to the last whole transaction. The server is asked where it lies and nothing else; it does not fork.
//
// A server rewrites that directory whenever it likes: it names a new set of files in the manifest, and removes the old ones
// then. So all files that the manifest names are opened, and it is read again: when it is still the same, they were a whole
// set in between, and open files stay as they are, whatever is removed. Nothing has to be switched off for that, so nothing
// is left switched off when we are killed. What was appended until then belongs to the base, and nothing that comes later.
//
// Source: redis 7.0 src/aof.c (aofLoadManifestFromFile, persistAofManifest, openNewIncrAofForAppend).

import { open, readFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { reasonOf, type Fault } from '../lib/fault.ts'
import { infoNumber, type Info } from '../redis/info.ts'
import { encodeCommand } from '../redis/resp.ts'
import { askAppendedBytes, askWhereAppended, type Appended, type SaveOptions } from '../redis/save.ts'
import type { RdbHead } from '../replication/rdb-head.ts'
import { StreamFramer } from '../replication/stream-framer.ts'
import { MethodRefused, type BaseHead, type FetchBase } from './base-method.ts'
import { bytesOfFile, readHead, takeOwnFiles, unreachable, type OwnFilesOptions } from './own-files.ts'

interface AppendedFile {
  readonly name: string
  readonly type: string // b: the base, i: an increment
  readonly handle: FileHandle
  readonly bytes: number // when it was looked at; to the last one more is appended
}

const TRIES = 50
const TRIES_OF_SIZE = 10
const AGAIN_MS = 100
const SELECT_0 = Buffer.from(encodeCommand(['SELECT', '0']))

/** Collects the append-only directory. Throws MethodRefused where there is none, or it cannot be reached. */
export function aofBase(options: OwnFilesOptions): FetchBase {
  return takeOwnFiles(options, async ({ asking, info, target, begin }) => {
    const { signal } = options
    const files = await collectOwn(asking, options)
    try {
      const [base, ...increments] = files
      const isRdb = base?.type === 'b' && base.name.endsWith('.rdb')
      if (!isRdb) throw refused(target, 'it holds no RDB to begin with (aof-use-rdb-preamble no)')
      const writer = begin(headOf(await readHead(base.handle, target), info, target, base.bytes))
      for await (const piece of bytesOfFile(base.handle, signal, base.bytes)) await writer.write(piece)
      await writer.increment(commandsOf(increments, signal))
    } finally {
      await closeAll(files)
    }
  })
}

/**
 * The server counts the bytes of its files, without the RDB that it began with on its very first start: with others than it
 * says, they are not those of this server, or it has rewritten them between its two answers.
 */
async function collectOwn(asking: SaveOptions, options: OwnFilesOptions): Promise<readonly AppendedFile[]> {
  const { target } = asking
  for (let tries = 1; ; tries += 1) {
    const before = await askWhereAppended(asking)
    const files = await collect(before, target, options)
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    const [from, to] = [before.currentBytes, await askAppendedBytes(asking)]
    const isCounted = (counted: number): boolean => counted >= from && counted <= to
    if (isCounted(bytes) || isCounted(bytes - (files[0]?.bytes ?? 0))) return files
    await closeAll(files)
    if (tries === TRIES_OF_SIZE) throw refused(target, `its files have ${bytes} bytes, and it counts ${from} to ${to}`)
  }
}

/** All files of one manifest, open. */
async function collect(
  { dir, folder, file }: Appended,
  target: string,
  { reach, clock, signal }: OwnFilesOptions,
): Promise<readonly AppendedFile[]> {
  const { here, why } = await reach(join(dir, folder))
  if (here === undefined) throw unreachable(target, join(dir, folder), why)
  const manifest = join(here, `${file}.manifest`)
  let last = ''
  for (let tries = 0; tries < TRIES; tries += 1) {
    signal.throwIfAborted()
    const text = await readFile(manifest, 'utf8').catch((error: unknown) => {
      throw unreachable(target, join(dir, folder), reasonOf(error))
    })
    const files: AppendedFile[] = []
    try {
      for (const { name, type } of filesOf(text)) {
        const handle = await open(join(here, name))
        files.push({ name, type, handle, bytes: 0 })
      }
      const looked = await Promise.all(files.map(async (each) => ({ ...each, bytes: (await each.handle.stat()).size })))
      if ((await readFile(manifest, 'utf8')) === text) return looked
      last = 'it is rewritten again and again'
    } catch (error) {
      last = reasonOf(error) // a rewrite has removed it between our two looks, or it may not be read
    }
    await closeAll(files)
    await new Promise<void>((resolve) => void clock.after(AGAIN_MS, resolve))
  }
  throw unreachable(target, join(dir, folder), last)
}

/** The files that a manifest names, without those of its history, which wait to be removed. Other words may follow. */
function filesOf(manifest: string): { name: string; type: string }[] {
  return manifest.split('\n').flatMap((line) => {
    const [, quoted, plain, type = ''] =
      /^file (?:"((?:[^"\\]|\\.)*)"|(\S+)) seq \d+ type ([bhi])(?: |$)/.exec(line) ?? []
    const name = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain
    return name === undefined || type === 'h' || name.includes('/') ? [] : [{ name, type }]
  })
}

/** Each file begins in database 0, and the last one may end anywhere. */
async function* commandsOf(files: readonly AppendedFile[], signal: AbortSignal): AsyncGenerator<Buffer> {
  for (const [at, { handle, name, bytes }] of files.entries()) {
    if (at > 0) yield SELECT_0
    const end = at === files.length - 1 ? await lastWhole(handle, { name, bytes, signal }) : bytes
    yield* bytesOfFile(handle, signal, end)
  }
}

/** Behind the last whole transaction. It is read twice for that, rather than held: a command may have 512 MB. */
async function lastWhole(
  handle: FileHandle,
  { name, bytes, signal }: { readonly name: string; readonly bytes: number; readonly signal: AbortSignal },
): Promise<number> {
  const framer = new StreamFramer({ offset: 0, db: 0, name, hasComments: true })
  let safe = 0
  for await (const piece of bytesOfFile(handle, signal, bytes)) safe = framer.push(piece).safe
  return safe
}

/** Its offset is not written anywhere: no stream goes on from it. */
function headOf({ flavour, aux }: RdbHead, info: Info, source: string, sizeBytes: number): BaseHead {
  const near = {
    replid: info.get('master_replid') ?? '0'.repeat(40),
    offset: infoNumber(info, 'master_repl_offset') ?? 0,
  }
  const serverVersion = aux.get('valkey-ver') ?? aux.get('redis-ver')
  const of = { source, flavour, serverVersion, sizeBytes, db: 0, near }
  return { method: 'aof', consistent: true, replid: null, offset: null, ...of }
}

async function closeAll(files: readonly AppendedFile[]): Promise<void> {
  await Promise.all(files.map(({ handle }) => handle.close()))
}

function refused(target: string, why: string): Fault {
  const hint = 'Choose --method bgsave or --method scan.'
  return new MethodRefused({
    doing: 'collecting the append-only files of',
    target,
    why,
    hint,
    exit: 1,
    retryable: false,
  })
}
