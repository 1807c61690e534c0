// What of the stream is not in a segment yet. Bytes come in as they arrive, and leave as a cut: whole commands and
// transactions, in pieces of one second each. A transaction that is still open when a cut is made stays behind for the next.
// Memory: what arrived since the last cut, no more than one transaction beyond it, and the cuts of the last seconds, so
// that a base whose offset is told a moment late still gets a segment that begins there. It is used again and again.

import type { Frame } from '../replication/stream-framer.ts'
import { pieceHead, type Piece } from './pieces.ts'
import { StreamMemory, type Held } from './stream-memory.ts'

/** A stretch that is ready to become a segment. */
export interface Cut {
  readonly from: number
  readonly to: number
  readonly fromTime: number // epoch ms
  readonly toTime: number
  readonly db: number // selected at `to`
  readonly pieces: readonly { readonly piece: Piece; readonly bytes: readonly Buffer[] }[]
  /** Where its bytes lie. Whoever gets a cut lets go of it when it has done with them. */
  readonly held: Held
}

/** The halves of what lies around a place; see `cutAround`. */
export interface Around {
  readonly head?: Cut
  readonly tail?: Cut
}

/** A place between two transactions: the database that is selected there, and the name of its history. */
export interface Place {
  readonly offset: number
  readonly db: number
  readonly replid: string
}

interface Arrival {
  readonly start: number // offset before its first byte
  readonly at: number // epoch ms
}

const RECENT_MS = 10_000
const RECENT_BYTES = 32 * 1024 * 1024

export class StreamBuffer {
  readonly #memory: StreamMemory
  #arrivals: Arrival[] = [] // the first one is that of the first byte
  #marks: Place[] // where pieces begin; the first is where the buffer begins
  #replid: string
  #safe: number
  #safeDb: number
  #end: number
  #recent: Cut[] = [] // cuts that were taken, the latest last
  #latest = 0 // time of the last arrival: a clock that is set back does not turn the order of the stream

  constructor({ offset, db, replid }: Place) {
    this.#safe = this.#end = offset
    this.#safeDb = db
    this.#replid = replid
    this.#memory = new StreamMemory(offset)
    this.#marks = [{ offset, db, replid }]
  }

  get replid(): string {
    return this.#replid
  }

  /** Behind the last whole transaction: up to where a cut may be made now. */
  get safe(): number {
    return this.#safe
  }

  /** The same as a place. */
  get position(): Place {
    return { offset: this.#safe, db: this.#safeDb, replid: this.#replid }
  }

  /** Bytes that a cut would take. */
  get ready(): number {
    return this.#safe - this.#begin
  }

  get #begin(): number {
    return this.#marks[0]?.offset ?? this.#end
  }

  /** Copies the chunk. `frame` is what the framer says of it; `now` the time of its arrival, epoch ms. */
  append(bytes: Buffer, frame: Frame, now: number): void {
    const at = Math.max(this.#latest, now)
    if (secondOf(this.#latest) !== secondOf(at))
      this.#mark({ offset: this.#safe, db: this.#safeDb, replid: this.#replid })
    this.#latest = at
    if (this.#arrivals.at(-1)?.at !== at) this.#arrivals.push({ start: this.#end, at })
    this.#memory.append(bytes)
    this.#end += bytes.length
    this.#safe = frame.safe
    this.#safeDb = frame.db
  }

  /** What came behind the last whole transaction comes once more, from here on under this replid. */
  resume(replid: string): void {
    this.#arrivals = this.#arrivals.filter(({ start }) => start < this.#safe)
    this.#memory.truncate(this.#safe)
    this.#end = this.#safe
    this.#replid = replid
    this.#mark({ offset: this.#safe, db: this.#safeDb, replid })
  }

  /** Takes out everything up to the last whole transaction; undefined when there is nothing. */
  cut(): Cut | undefined {
    return this.#cutAt({ offset: this.#safe, db: this.#safeDb, replid: this.#replid })
  }

  /**
   * Makes a boundary at a place: `head` ends there and `tail` begins there. A head without a tail was taken out now; both
   * together are what was taken out before, of which they are the halves. Neither: there is a boundary already, or that
   * was too long ago. Undefined: the stream is not there yet.
   */
  cutAround(place: { readonly offset: number; readonly db: number }): Around | undefined {
    const { offset, db } = place
    if (offset > this.#safe) return undefined
    if (offset >= this.#begin) {
      const head = this.#cutAt({ offset, db, replid: this.#replidAt(offset) })
      return head === undefined ? {} : { head }
    }
    const at = this.#recent.findIndex(({ from, to }) => from < offset && to > offset)
    const across = this.#recent[at]
    if (across === undefined) return {}
    const [head, tail] = [headOf(across, offset, db), tailOf(across, offset, db)]
    this.#recent.splice(at, 1, head, tail)
    for (let holder = 0; holder < 3; holder += 1) across.held.hold() // one half more here, and two to be sealed
    return { head, tail }
  }

  #cutAt(end: Place): Cut | undefined {
    const [from, to] = [this.#begin, end.offset]
    if (to <= from) return undefined
    const held = this.#memory.take(to)
    const marks = this.#marks.filter(({ offset }) => offset < to)
    const pieces = marks.map(({ db, replid, offset }, index) => {
      const next = marks[index + 1]?.offset ?? to
      const [fromTime, toTime] = [this.#timeAt(offset), this.#timeAt(next - 1)]
      return { piece: { from: offset, to: next, fromTime, toTime, db, replid }, bytes: held.view(offset, next) }
    })
    const later = this.#marks.filter(({ offset }) => offset > to)
    const rest = to < this.#end ? [{ start: to, at: this.#timeAt(to) }] : []
    this.#arrivals = [...rest, ...this.#arrivals.filter(({ start }) => start > to)]
    this.#marks = [end, ...later]
    return this.#remember({ from, to, db: end.db, pieces, held, ...timesOf(pieces) })
  }

  #remember(cut: Cut): Cut {
    cut.held.hold()
    this.#recent.push(cut)
    const size = (): number => this.#recent.reduce((sum, { from, to }) => sum + to - from, 0)
    while (this.#recent.length > 0 && (this.#recent[0]!.toTime < this.#latest - RECENT_MS || size() > RECENT_BYTES))
      this.#recent.shift()?.held.letGo()
    return cut
  }

  #replidAt(offset: number): string {
    return this.#marks.findLast((mark) => mark.offset <= offset)?.replid ?? this.#replid
  }

  #mark(mark: Place): void {
    const last = this.#marks.at(-1)
    if (last?.offset === mark.offset) this.#marks[this.#marks.length - 1] = mark
    else this.#marks.push(mark)
  }

  /** When the byte behind this offset came. */
  #timeAt(offset: number): number {
    return this.#arrivals.findLast(({ start }) => start <= offset)?.at ?? 0
  }
}

/** The plain bytes of a cut's segment, in their order. */
export function plainOf(cut: Cut): Buffer[] {
  return cut.pieces.flatMap(({ piece, bytes }) => [pieceHead(piece), ...bytes])
}

function headOf(cut: Cut, offset: number, db: number): Cut {
  const pieces = cut.pieces
    .filter(({ piece }) => piece.from < offset)
    .map(({ piece, bytes }) => {
      if (piece.to <= offset) return { piece, bytes }
      return { piece: { ...piece, to: offset }, bytes: [Buffer.concat(bytes).subarray(0, offset - piece.from)] }
    })
  return { ...cut, to: offset, db, pieces, ...timesOf(pieces) }
}

function tailOf(cut: Cut, offset: number, db: number): Cut {
  const pieces = cut.pieces
    .filter(({ piece }) => piece.to > offset)
    .map(({ piece, bytes }) => {
      if (piece.from >= offset) return { piece, bytes }
      const rest = Buffer.concat(bytes).subarray(offset - piece.from)
      return { piece: { ...piece, from: offset, db }, bytes: [rest] }
    })
  return { ...cut, from: offset, pieces, ...timesOf(pieces) }
}

function timesOf(pieces: Cut['pieces']): { fromTime: number; toTime: number } {
  return { fromTime: pieces[0]?.piece.fromTime ?? 0, toTime: pieces.at(-1)?.piece.toTime ?? 0 }
}

function secondOf(at: number): number {
  return Math.floor(at / 1_000)
}
