// Reading an object, however long it takes: when the line breaks in the middle, the rest of the same object is asked for.

import type { Fault } from '../../lib/fault.ts'
import type { Attempts, Body, ReadHow } from './storage-unit.ts'
import type { Range } from './storage.ts'
import { Interrupted, STALL_MS, limitMs, type Trying } from './trying.ts'

const PROGRESS_BYTES = 2 ** 20 // who got that far since the last break may break as often as at the beginning

export interface Reading {
  readonly key: string
  readonly range: Range
  readonly missing: Fault // what is thrown when there is no such object
}

/** The chunks of the range. Throws a Fault. */
export async function* readObject(
  attempts: Attempts,
  trying: Trying,
  { key, range, missing }: Reading,
): AsyncGenerator<Uint8Array> {
  const task = { doing: 'reading', key }
  const { from = 0, to } = range
  let at = from
  let progress = 0 // bytes since the last break
  let breaks = 0
  let etag: string | undefined
  if (to !== undefined && to <= from) {
    const run = (signal: AbortSignal): ReturnType<Attempts['head']> => attempts.head(key, signal)
    if ((await trying.keepTrying({ ...task, limitMs: limitMs(), run })) === undefined) throw missing
    return // HTTP has no empty range
  }
  for (;;) {
    const body = await openBody(attempts, trying, key, { from: at, to, etag })
    if (body === undefined) throw missing
    etag = body.etag
    const end = Math.min(to ?? Infinity, body.sizeBytes)
    const chunks = body.chunks[Symbol.asyncIterator]()
    try {
      while (at < end) {
        const chunk = await trying.within(STALL_MS, () => nextOf(chunks, end - at))
        at += chunk.length
        progress += chunk.length
        yield chunk
      }
      return
    } catch (error) {
      breaks = progress >= PROGRESS_BYTES ? 1 : breaks + 1
      progress = 0
      const failure = trying.explain(error)
      if (!trying.mayRepeat(failure, breaks)) throw trying.faultOf(task, failure, breaks)
      await trying.pause(breaks, failure)
    } finally {
      body.cancel()
    }
  }
}

/** A body that ends where it should not. */
async function nextOf(chunks: AsyncIterator<Uint8Array, unknown>, leftBytes: number): Promise<Uint8Array> {
  const next = await chunks.next()
  if (next.done === true) throw new Interrupted(`it ended ${leftBytes} bytes early`)
  return next.value
}

function openBody(
  attempts: Attempts,
  trying: Trying,
  key: string,
  range: Omit<ReadHow, 'signal'>,
): Promise<Body | undefined> {
  const run = (signal: AbortSignal): Promise<Body | undefined> => attempts.read(key, { ...range, signal })
  return trying.keepTrying({ doing: 'reading', key, limitMs: limitMs(), run })
}
