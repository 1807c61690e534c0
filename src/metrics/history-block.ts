// Up to 32 samples of one source, sealed: one byte array instead of a thousand objects. It holds the times, then the size
// of each series' column, then the columns; a series is found by adding up sizes, and only its own bytes are unpacked.
// Blocks do not lean on each other, so the oldest can be dropped at any time. A sample that is not sealed takes three or
// four times as much room, a small block somewhat more than a large one: eight samples are sealed at once, and small
// blocks become a large one.

import {
  ByteSink,
  ByteSource,
  countBits,
  firstRows,
  isConstant,
  MOST_ROWS,
  readColumn,
  writeColumn,
  writeConstant,
} from './column-codec.ts'

export interface Block {
  startMs: number // of its first sample; moves when the clock was set back
  endMs: number // of its last sample
  readonly number: number // blocks of a source are counted up
  readonly rows: number
  readonly columns: number
  readonly samples: number // values in it
  readonly sealedAt: number // on the monotonic clock
  readonly bytes: Uint8Array
  index?: BlockRows | undefined // worked out of the bytes when it is read; holds the times, so it falls when they move
}

/** Rows of samples, packed or not. */
export interface BlockRows {
  readonly times: Float64Array
  readonly rows: number
  gather(column: number, into: Float64Array): number // the mask of rows that have a value; these, one after the other
}

/** Rows that are about to be packed; their columns are written in ascending order, each once. */
interface Packable extends Pick<BlockRows, 'times' | 'rows'> {
  write(column: number, out: ByteSink): number // the mask of rows that have a value; for none nothing is written
}

/** Samples of an open block at most. */
export const OPEN_ROWS = 8

/** Samples not sealed yet: rows one after the other, since a sample is written at once; grown as series appear. */
export class OpenBlock implements BlockRows, Packable {
  readonly times = new Float64Array(OPEN_ROWS)
  rows = 0
  private room = 0 // columns of a row
  private cells = new Float64Array(0)
  present = new Uint8Array(0) // by column: a bit for each row in which the series was there
  private changed = new Uint8Array(0) // by column: 1 once a value is not that of the row before

  reserve(columns: number): void {
    if (columns <= this.room) return
    const room = Math.ceil(columns * 1.125) + 8
    const cells = new Float64Array(room * OPEN_ROWS)
    // The row under way, too: it may be a series of it that needs the room.
    for (let row = 0; row <= this.rows; row += 1) cells.set(this.rowAt(row), row * room)
    const present = new Uint8Array(room)
    present.set(this.present)
    const changed = new Uint8Array(room)
    changed.set(this.changed)
    this.room = room
    this.cells = cells
    this.present = present
    this.changed = changed
  }

  private rowAt(row: number): Float64Array {
    return this.cells.subarray(row * this.room, (row + 1) * this.room)
  }

  /** Sets a value of the row under way, which is the one at `rows`. There must be room for its column. */
  set(column: number, value: number): void {
    const cell = this.rows * this.room + column
    this.cells[cell] = value
    this.present[column] = (this.present[column] as number) | (1 << this.rows)
    if (this.rows > 0 && !Object.is(this.cells[cell - this.room], value)) this.changed[column] = 1
  }

  clear(): void {
    this.rows = 0
    this.present.fill(0)
    this.changed.fill(0)
  }

  get samples(): number {
    return this.present.reduce((sum, mask) => sum + countBits(mask), 0)
  }

  get bytes(): number {
    return this.cells.byteLength + this.present.byteLength + this.changed.byteLength + this.times.byteLength
  }

  /** The values of one column in the rows in which it was present. */
  gather(column: number, dense: Float64Array): number {
    const present = this.present[column] ?? 0
    let count = 0
    for (let row = 0; row < this.rows; row += 1) {
      if ((present & (1 << row)) === 0) continue
      dense[count] = this.cells[row * this.room + column] ?? NaN
      count += 1
    }
    return present
  }

  write(column: number, out: ByteSink): number {
    const present = this.present[column] ?? 0
    // Two of three stay the same, and are read in one row only.
    if (present === firstRows(this.rows) && this.changed[column] === 0) writeConstant(out, this.cells[column] as number)
    else if (present !== 0) writeColumn(out, dense, this.gather(column, dense), this.rows)
    return present
  }
}

/** Seals what is in the open block, which must hold at least one row, and empties it. */
export function seal(open: OpenBlock, columns: number, number: number, sealedAt: number): Block {
  const block = pack(open, { columns, number, sealedAt })
  open.clear()
  return block
}

/** Blocks that follow each other, which together hold 32 samples at most, as one; it has the number of the oldest. */
export function merge(blocks: readonly Block[]): Block {
  const [first, last] = [blocks.at(0), blocks.at(-1)]
  if (first === undefined || last === undefined) throw new Error('no blocks to merge')
  return pack(joinRows(blocks.map((block) => new ColumnWalk(block))), {
    columns: last.columns,
    number: first.number,
    sealedAt: last.sealedAt,
  })
}

function joinRows(parts: readonly ColumnWalk[]): Packable {
  const times = Float64Array.from(parts.flatMap((part) => [...part.times]))
  const ofPart = new Float64Array(MOST_ROWS)
  return {
    times,
    rows: times.length,
    write(_column, out) {
      for (const part of parts) part.next()
      if (isSameConstant(parts)) {
        parts[0]?.copyTo(out)
        return firstRows(times.length)
      }
      let [mask, row, count] = [0, 0, 0]
      for (const part of parts) {
        const present = part.read(ofPart)
        const held = countBits(present)
        for (let at = 0; at < held; at += 1) dense[count + at] = ofPart[at] as number
        mask |= present << row
        row += part.rows
        count += held
      }
      if (mask !== 0) writeColumn(out, dense, mask >>> 0, times.length)
      return mask >>> 0
    },
  }
}

/** The columns of a sealed block, one after the other. */
class ColumnWalk {
  readonly rows: number
  readonly times: Float64Array
  readonly #bytes: Uint8Array
  readonly #sizes: ByteSource
  readonly #column: ByteSource
  #left: number // columns that are still to come
  #from = 0 // of the column that it stands at, in the bytes
  #size = 0 // 0 when it is not in this block

  constructor(block: Block) {
    this.rows = block.rows
    this.#bytes = block.bytes
    this.#sizes = new ByteSource(block.bytes, 0)
    this.times = takeTimes(this.#sizes, block)
    this.#left = block.columns
    this.#column = new ByteSource(block.bytes, this.#sizes.at)
    for (let column = 0; column < block.columns; column += 1) this.#column.takeUnsigned()
    this.#from = this.#column.at
  }

  next(): void {
    this.#from += this.#size
    this.#size = this.#left > 0 ? this.#sizes.takeUnsigned() : 0
    this.#left -= 1
  }

  /** As `readColumn`; 0 when the column is not in this block. */
  read(into: Float64Array): number {
    if (this.#size === 0) return 0
    this.#column.at = this.#from
    return readColumn(this.#column, into, this.rows)
  }

  get isConstant(): boolean {
    return this.#size > 0 && isConstant(this.#bytes[this.#from] as number)
  }

  isLike(other: ColumnWalk): boolean {
    if (this.#size !== other.#size) return false
    for (let at = 0; at < this.#size; at += 1)
      if (this.#bytes[this.#from + at] !== other.#bytes[other.#from + at]) return false
    return true
  }

  copyTo(out: ByteSink): void {
    for (let at = 0; at < this.#size; at += 1) out.put(this.#bytes[this.#from + at] as number)
  }
}

/** Most columns are the same number in all rows of all parts, which looks the same however many rows there are. */
function isSameConstant(parts: readonly ColumnWalk[]): boolean {
  const first = parts[0] as ColumnWalk
  if (!first.isConstant) return false
  for (let at = 1; at < parts.length; at += 1) if (!first.isLike(parts[at] as ColumnWalk)) return false
  return true
}

const head = new ByteSink()
const body = new ByteSink()
const dense = new Float64Array(MOST_ROWS)

function pack(from: Packable, { columns, ...its }: Pick<Block, 'columns' | 'number' | 'sealedAt'>): Block {
  head.length = 0
  body.length = 0
  const { rows, times } = from
  const startMs = times[0] ?? 0
  let step = 0
  for (let row = 1; row < rows; row += 1) {
    const next = (times[row] ?? 0) - (times[row - 1] ?? 0)
    head.putSigned(next - step)
    step = next
  }
  let samples = 0
  for (let column = 0; column < columns; column += 1) {
    const before = body.length
    const present = from.write(column, body)
    head.putUnsigned(body.length - before)
    samples += countBits(present)
  }
  const bytes = new Uint8Array(head.length + body.length)
  bytes.set(head.bytes.subarray(0, head.length))
  bytes.set(body.bytes.subarray(0, body.length), head.length)
  return { ...its, columns, startMs, endMs: times[rows - 1] ?? startMs, rows, samples, bytes }
}

// Where the columns of a block begin is added up once, for as long as somebody may read it soon: three small ones, and
// the five minutes before them.
const READ_SOON = 5
const COLUMNS_A_MARK = 16

/** Blocks are read newest first: of those behind the newest few the index is forgotten. */
export function forgetIndex(blocks: readonly Block[]): void {
  const old = blocks.at(-READ_SOON - 1)
  if (old !== undefined) old.index = undefined
}

/** The sealed block at a place of all for reading; a column is unpacked when it is asked for. */
export function unpack(blocks: readonly Block[], at: number): BlockRows {
  const block = blocks[at] as Block
  if (at < blocks.length - READ_SOON) return block.index ?? makeIndex(block) // who reads an hour may not come again
  return (block.index ??= makeIndex(block))
}

/** The first bytes of a block. */
function takeTimes(source: ByteSource, { rows, startMs }: Pick<Block, 'rows' | 'startMs'>): Float64Array {
  const times = new Float64Array(rows)
  times[0] = startMs
  let step = 0
  for (let row = 1; row < rows; row += 1) {
    step += source.takeSigned()
    times[row] = (times[row - 1] ?? 0) + step
  }
  return times
}

function makeIndex({ bytes, rows, columns, startMs }: Block): BlockRows {
  const source = new ByteSource(bytes, 0)
  const times = takeTimes(source, { rows, startMs })
  // Of every 16th column where its size stands in the bytes, and where the column itself begins behind all sizes.
  const marks = Math.ceil(columns / COLUMNS_A_MARK)
  const sizes = new Uint32Array(marks)
  const starts = new Uint32Array(marks)
  let start = 0
  for (let column = 0; column < columns; column += 1) {
    if (column % COLUMNS_A_MARK === 0) {
      sizes[column / COLUMNS_A_MARK] = source.at
      starts[column / COLUMNS_A_MARK] = start
    }
    start += source.takeUnsigned()
  }
  const columnsAt = source.at
  return {
    rows,
    times,
    gather(column, into) {
      if (column >= columns) return 0
      const mark = Math.floor(column / COLUMNS_A_MARK)
      source.at = sizes[mark] as number
      let start = starts[mark] as number
      for (let before = mark * COLUMNS_A_MARK; before < column; before += 1) start += source.takeUnsigned()
      if (source.takeUnsigned() === 0) return 0 // not in this block
      source.at = columnsAt + start
      return readColumn(source, into, rows)
    },
  }
}
