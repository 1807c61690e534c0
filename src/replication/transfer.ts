// The RDB as it comes over the link, in either of two forms: with its length in front (from a file of the server), or
// with an end mark behind (straight from its child process), whose bytes are random and may be split over reads.
// Source: replication.c of Redis 7.0, readSyncBulkPayload.

import type { SocketReader } from './socket-reader.ts'

const MARK_BYTES = 40

export type Transfer = { readonly sizeBytes: number } | { readonly mark: Buffer }

/** Reads the line `$<length>` or `$EOF:<mark>`; any other comes back as it is (an error instead of the RDB). */
export function parseTransfer(line: string): Transfer | string {
  const mark = /^\$EOF:(.{40})$/.exec(line)?.[1]
  if (mark !== undefined) return { mark: Buffer.from(mark, 'latin1') }
  return /^\$\d{1,15}$/.test(line) ? { sizeBytes: Number(line.slice(1)) } : line
}

/** The bytes of the RDB and nothing behind them. They are the reader's own: to be used before the next is asked for. */
export async function* readTransfer(reader: SocketReader, transfer: Transfer): AsyncGenerator<Buffer, void, void> {
  if ('mark' in transfer) yield* readToMark(reader, transfer.mark)
  else yield* readSized(reader, transfer.sizeBytes)
}

async function* readSized(reader: SocketReader, sizeBytes: number): AsyncGenerator<Buffer, void, void> {
  for (let missing = sizeBytes; missing > 0;) {
    const chunk = await reader.chunk()
    reader.unread(chunk.subarray(missing))
    const piece = chunk.subarray(0, missing)
    missing -= piece.length
    yield piece
  }
}

/**
 * The last forty bytes that have come are held back until it is clear that they are not the mark. It is enough to look
 * at the very end: the server sends nothing behind the mark until we acknowledge (updateSlavesWaitingBgsave).
 */
async function* readToMark(reader: SocketReader, mark: Buffer): AsyncGenerator<Buffer, void, void> {
  let held: Buffer = Buffer.alloc(0)
  while (!held.equals(mark)) {
    const chunk = await reader.chunk()
    if (chunk.length >= MARK_BYTES) {
      if (held.length > 0) yield held
      if (chunk.length > MARK_BYTES) yield chunk.subarray(0, -MARK_BYTES)
      held = Buffer.from(chunk.subarray(-MARK_BYTES))
      continue
    }
    const joined = Buffer.concat([held, chunk])
    const known = Math.max(0, joined.length - MARK_BYTES)
    if (known > 0) yield joined.subarray(0, known)
    held = joined.subarray(known)
  }
}
