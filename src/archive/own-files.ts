// What the methods have in common that take files of the server's own machine: how they ask it, where those files are read
// from here, and what a failure of that is called.

import type { FileHandle } from 'node:fs/promises'
import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { openConnection } from '../redis/connection.ts'
import { parseInfo, type Info } from '../redis/info.ts'
import { SaveRefused, type SaveOptions } from '../redis/save.ts'
import { showAddress } from '../redis/url.ts'
import type { Source } from '../replication/handshake.ts'
import { readRdbHead, type RdbHead } from '../replication/rdb-head.ts'
import { MethodRefused, type FetchBase, type Reached, type WholeBaseWriter } from './base-method.ts'

export interface OwnFilesOptions {
  readonly source: Source
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Where a path of the server's machine is read from here. */
  reach(path: string): Promise<Reached>
  onWait?(why: string): void
}

/** What is done with the server while it is asked. `begin` is called once, before the first byte. */
export interface Taking {
  readonly asking: SaveOptions
  readonly info: Info // before anything was done
  readonly target: string
  readonly begin: Parameters<FetchBase>[0]
}

const ANSWER_MS = 60_000 // a fork of a big server keeps it from answering
const PIECE_BYTES = 1024 * 1024
const HEAD_BYTES = 65_536

/** Asks the server on a connection of its own; whatever fails aborts the base. */
export function takeOwnFiles(options: OwnFilesOptions, take: (taking: Taking) => Promise<void>): FetchBase {
  return async (onBase) => {
    const { source, clock, signal } = options
    const target = showAddress(source.address)
    const connection = await openConnection({ ...source, timeoutMs: ANSWER_MS, name: 'respite-backup' })
    let writer: WholeBaseWriter | undefined
    try {
      const asking: SaveOptions = { ...options, send: connection.send, target, clock, signal }
      const info = parseInfo(String(await connection.send('INFO')))
      await take({ asking, info, target, begin: (head) => (writer = onBase(head)) })
      await writer?.end()
    } catch (error) {
      const fault = inWords(error, target)
      writer?.abort(fault)
      throw fault
    } finally {
      connection.close()
    }
  }
}

export async function readHead(file: FileHandle, target: string): Promise<RdbHead> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
  const head = readRdbHead(buffer.subarray(0, bytesRead), true)
  if (head !== undefined && head !== 'not-rdb') return head
  const hint = 'Look at what else writes to this file.'
  throw new Fault({ doing: 'reading the RDB of', target, why: 'its file is no RDB', hint })
}

/** The bytes of an open file up to `to`, or all that it has. */
export async function* bytesOfFile(file: FileHandle, signal: AbortSignal, to = Infinity): AsyncGenerator<Buffer> {
  for (let at = 0; at < to;) {
    signal.throwIfAborted()
    const wanted = Math.min(PIECE_BYTES, to - at)
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

export function unreachable(target: string, dir: string, why = 'it is not to be seen'): MethodRefused {
  return new MethodRefused({
    doing: 'collecting the files of',
    target,
    why: `its folder ${dir} cannot be reached from here: ${why}`,
    hint: 'Run this where the server runs, as its user or as root, and name its container (--supervisor docker:NAME) where it has one.',
    exit: 1,
    retryable: false,
  })
}

function inWords(error: unknown, target: string): Fault {
  if (error instanceof SaveRefused) return new MethodRefused({ ...partsOf(error), exit: 1, retryable: false })
  if (error instanceof Fault) return error
  return new Fault({ doing: 'taking the files of', target, why: reasonOf(error), cause: error })
}

function partsOf({ doing, target, why, hint }: Fault): Pick<Fault, 'doing' | 'target' | 'why' | 'hint'> {
  return { doing, target, why, hint }
}
