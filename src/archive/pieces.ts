// A segment's plain bytes: pieces of the stream, each with a first line that says what it is, and loadable by redis-server
// as they stand (docs/formats/archive.md, "Segments"). The line says how long its piece is, so that reading one needs no
// knowledge of commands.

import { Fault } from '../lib/fault.ts'

export interface Piece {
  readonly from: number // offset before its first byte
  readonly to: number
  readonly fromTime: number // epoch ms at which its first bytes came, by the archiver's clock
  readonly toTime: number
  readonly db: number // selected at `from`
  readonly replid: string
}

const LONGEST_LINE = 200
const LINE = /^#RESPITE (\d+) (\d{1,16}) (\d{1,16}) (\d{1,16}) (\d{1,16}) (\d{1,6}) ([0-9a-f]{40})\r\n$/

/** What stands before a piece's own bytes. */
export function pieceHead({ from, to, fromTime, toTime, db, replid }: Piece): Buffer {
  const number = String(db)
  return Buffer.from(
    `#RESPITE 1 ${from} ${to} ${fromTime} ${toTime} ${db} ${replid}\r\n` +
      `#TS:${Math.floor(fromTime / 1_000)}\r\n` +
      `*2\r\n$6\r\nSELECT\r\n$${number.length}\r\n${number}\r\n`,
  )
}

/** A run of a piece's bytes; the first one begins at `piece.from`, and a piece has at least one byte. */
export interface PieceRun {
  readonly piece: Piece
  readonly offset: number // before its first byte
  readonly bytes: Buffer
}

/** Reads the plain bytes of a segment. What is not as written down is a Fault with the byte's offset in `target`. */
export async function* readPieces(source: AsyncIterable<Buffer>, target: string): AsyncGenerator<PieceRun> {
  const reader = new PieceReader(target)
  for await (const chunk of source) {
    for (let rest = chunk; rest.length > 0;) {
      const { taken, run } = reader.take(rest)
      rest = rest.subarray(taken)
      if (run !== undefined) yield run
    }
  }
  reader.end()
}

class PieceReader {
  readonly #target: string
  #piece: Piece | undefined
  #offset = 0 // within the stream
  #head: Buffer = Buffer.alloc(0) // of the next piece, while it is not whole
  #read = 0 // of the segment, before `#head`

  constructor(target: string) {
    this.#target = target
  }

  /** Takes some bytes of the chunk, at least one. */
  take(chunk: Buffer): { taken: number; run?: PieceRun } {
    const piece = this.#piece
    if (piece === undefined) return { taken: this.#takeHead(chunk) }
    const run = { piece, offset: this.#offset, bytes: chunk.subarray(0, piece.to - this.#offset) }
    this.#offset += run.bytes.length
    this.#read += run.bytes.length
    if (this.#offset === piece.to) this.#piece = undefined
    return { taken: run.bytes.length, run }
  }

  end(): void {
    if (this.#piece !== undefined)
      throw malformed(this.#target, this.#read, `${this.#piece.to - this.#offset} more bytes of the piece`)
    if (this.#head.length > 0 || this.#read === 0) throw malformed(this.#target, this.#read, 'the head of a piece')
  }

  #takeHead(chunk: Buffer): number {
    const known = this.#head.length
    const head = Buffer.concat([this.#head, chunk.subarray(0, LONGEST_LINE)])
    const found = parseHead(head, this.#read, this.#target)
    if (found === undefined) {
      this.#head = head
      return head.length - known
    }
    const { piece, length } = found
    if (this.#read > 0 && piece.from !== this.#offset)
      throw malformed(
        this.#target,
        this.#read,
        `a piece that goes on at ${this.#offset}, and it begins at ${piece.from}`,
      )
    this.#piece = piece
    this.#offset = piece.from
    this.#read += length
    this.#head = Buffer.alloc(0)
    return length - known
  }
}

/** The piece whose head these bytes begin with; undefined while there are too few of them. */
function parseHead(bytes: Buffer, at: number, target: string): { piece: Piece; length: number } | undefined {
  const end = bytes.indexOf('\n')
  if (end === -1 && bytes.length < LONGEST_LINE) return undefined
  const match = LINE.exec(bytes.toString('latin1', 0, end + 1))
  if (match === null) throw malformed(target, at, 'a line that begins with #RESPITE')
  const [version = 0, from = 0, to = 0, fromTime = 0, toTime = 0, db = 0] = match.slice(1, 7).map(Number)
  if (version !== 1) {
    throw new Fault({
      doing: 'reading the segment',
      target,
      why: `its format is ${version}, and this version of Respite reads 1`,
      hint: 'use the version of Respite that wrote it, or a newer one',
      exit: 1,
      retryable: false,
    })
  }
  if (to <= from) throw malformed(target, at, `a piece that ends behind ${from}, and it ends at ${to}`)
  const piece = { from, to, fromTime, toTime, db, replid: match[7] ?? '' }
  const whole = pieceHead(piece)
  if (bytes.length < whole.length) {
    if (!whole.subarray(0, bytes.length).equals(bytes))
      throw malformed(target, at, 'the time stamp and SELECT of a piece')
    return undefined
  }
  if (!bytes.subarray(0, whole.length).equals(whole))
    throw malformed(target, at, 'the time stamp and SELECT of a piece')
  return { piece, length: whole.length }
}

function malformed(target: string, offset: number, expected: string): Fault {
  return new Fault({ doing: 'reading the segment', target, why: `expected ${expected}`, offset, retryable: false })
}
