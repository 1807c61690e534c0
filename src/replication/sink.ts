// What a link hands on, and to whom. The words: a *position* is a place in a stream between two transactions; a *base*
// is the whole dataset as an RDB at such a place; a *timeline* is one history of a dataset, which a failover continues
// and a lost or forked history ends.
//
// Each function may return a promise, and nothing more is read from the server until it is fulfilled: that is how a
// slow sink bounds our memory. What waits meanwhile waits in the server's output buffer, so a sink does not take long.

import type { Fault } from '../lib/fault.ts'
import type { Flavour } from '../rdb/layouts.ts'
import type { Frame } from './stream-framer.ts'
import type { Relation } from './timeline.ts'

export interface Position {
  readonly replid: string // 40 hexadecimal digits: names the history that the offset counts in
  readonly offset: number // bytes of that history so far
  readonly db: number // the database that is selected there: the stream does not say it again
}

export interface BaseStart extends Position {
  readonly source: string // id of the server that it comes from
  readonly flavour: Flavour
  readonly rdbVersion: number
  readonly serverVersion: string | undefined // as the server or, failing that, the RDB says
  readonly sizeBytes: number | undefined // unknown when the server sends it as it is made
  readonly relation: Relation // to the position that we held and could not go on from
  readonly noStream: string | undefined // why no stream follows this base; undefined: one does
}

export interface BaseWriter {
  write(bytes: Buffer): Promise<void> | void // of the bytes it keeps a copy
  end(): Promise<void> | void // it came whole; CRC and content were not looked at
  abort(why: Fault): void // it will never be whole
}

export interface Resumed extends Position {
  readonly source: string
  readonly was: Position // what we asked to go on from: another `replid` after a failover, all else the same
}

export interface Sink {
  /** A new base begins, for the first time or because the stream could not go on. */
  onBase(start: BaseStart): Promise<BaseWriter> | BaseWriter
  /** The stream goes on from here, after a disconnect or a failover. What came behind this offset comes once more. */
  onResume(resumed: Resumed): Promise<void> | void
  /**
   * The next bytes of the stream. They may end anywhere; `frame.safe` says up to where they are whole. They lie in memory
   * that is used again: what is kept of them beyond this call, also beyond its promise, is a copy.
   */
  onStream(bytes: Buffer, frame: Frame): Promise<void> | void
}
