// What /metrics and `respite metrics` print: Prometheus' text format 0.0.4. Families stand in the order of their names,
// each with its HELP and TYPE once, then the series of all sources; a source's own labels follow those of the series.
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/

import { ExposedLines } from './exposed-lines.ts'
import { declaredFamilies, type Family, type Snapshot } from './series.ts'

export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export interface ExposedSource {
  readonly snapshot: Snapshot
  readonly labels?: string | undefined // appended to each series, as `labelText` writes them: `deployment="orders"`
}

/** A page of sources that are shown once. A label that a series and its source both have would make the text invalid. */
export function renderExposition(sources: readonly ExposedSource[]): string {
  return joinLines(sources.map(({ snapshot, labels }) => new ExposedLines(labels).show(snapshot)))
}

/** The whole page of sources whose lines are kept. */
export function joinLines(sources: readonly ExposedLines[], pieceBytes = PIECE_BYTES): string {
  return readPage(new PageMemory(pieceBytes).lend(sources))
}

/** All of a page as one text, for those who do not send it. */
export function readPage({ pieces, release }: LentPage): string {
  const page: Buffer[] = []
  let piece = pieces.next()
  for (; piece.done !== true; piece = pieces.next()) page.push(Buffer.from(piece.value))
  page.push(Buffer.from(piece.value))
  release()
  return Buffer.concat(page).toString()
}

/** A page on its way to whoever asked for it. */
export interface LentPage {
  /** Each piece holds until the next one is asked for; the last one is returned and not yielded. */
  readonly pieces: Iterator<Buffer<ArrayBuffer>, Buffer<ArrayBuffer>>
  release(): void // it has arrived, or never will: its memory may become another page
}

const PIECE_BYTES = 2 ** 18

/**
 * Memory for pages that is used again. The page of a large fleet is twenty megabytes: it is put together piece by piece,
 * as it is sent. A page that is asked for before the one before it has arrived gets memory of its own.
 */
export class PageMemory {
  readonly #pieceBytes: number
  #free: Piece | undefined

  constructor(pieceBytes = PIECE_BYTES) {
    this.#pieceBytes = pieceBytes
  }

  lend(sources: readonly ExposedLines[]): LentPage {
    const piece = this.#free ?? { bytes: Buffer.allocUnsafeSlow(this.#pieceBytes) }
    this.#free = undefined
    return { pieces: fillPieces(sources, piece), release: () => (this.#free = piece) }
  }
}

interface Piece {
  bytes: Buffer<ArrayBuffer> // grows to the lines of one source in one family
}

/**
 * One family after the other, of each source its lines. Between two pieces a source may have been shown anew: the lines of
 * a source in a family are all from before or all from after.
 */
function* fillPieces(
  sources: readonly ExposedLines[],
  piece: Piece,
): Generator<Buffer<ArrayBuffer>, Buffer<ArrayBuffer>> {
  const page = new PageFiller(sources, piece)
  while (!page.fill()) yield piece.bytes.subarray(0, page.length)
  return piece.bytes.subarray(0, page.length)
}

class PageFiller {
  length = 0 // bytes of the piece that are filled
  readonly #readers: readonly FamilyReader[]
  readonly #piece: Piece
  readonly #headers = headersNow()
  #family = 0 // that is next
  #reader = 0 // that is next in this family
  #isHeadered = false // the family has its header already

  constructor(sources: readonly ExposedLines[], piece: Piece) {
    this.#readers = sources.map((source) => new FamilyReader(source))
    this.#piece = piece
  }

  /** Begins the piece anew and fills it. Answers whether that was all. */
  fill(): boolean {
    this.length = 0
    const { families } = this.#headers
    for (; this.#family < families.length; this.#family += 1) {
      const family = families[this.#family] as Family
      for (; this.#reader < this.#readers.length; this.#reader += 1) {
        const reader = this.#readers[this.#reader] as FamilyReader
        if (reader.find(family) && !this.#add(reader)) return false
      }
      this.#reader = 0
      this.#isHeadered = false
    }
    return true
  }

  /** Answers whether there was room. */
  #add(reader: FamilyReader): boolean {
    const { starts, bytes: headers } = this.#headers
    const headerEnd = starts[this.#family + 1] as number
    const headerFrom = this.#isHeadered ? headerEnd : (starts[this.#family] as number)
    const needed = headerEnd - headerFrom + reader.length
    if (this.length + needed > this.#piece.bytes.length) {
      if (this.length > 0) return false
      this.#piece.bytes = Buffer.allocUnsafeSlow(needed)
    }
    if (!this.#isHeadered) headers.copy(this.#piece.bytes, this.length, headerFrom, headerEnd)
    reader.copyTo(this.#piece.bytes, this.length + headerEnd - headerFrom)
    this.length += needed
    this.#isHeadered = true
    return true
  }
}

/** Finds families in one source; they are asked for in the order of their names. */
class FamilyReader {
  readonly #source: ExposedLines
  #families: readonly Family[]
  #last = -1 // place of the family that was found last
  #from = 0
  #to = 0

  constructor(source: ExposedLines) {
    this.#source = source
    this.#families = source.families
  }

  /** Bytes of the lines that were found. */
  get length(): number {
    return this.#to - this.#from
  }

  /** Answers whether there are any lines of the family now. */
  find(family: Family): boolean {
    const { families } = this.#source
    if (families !== this.#families) {
      this.#families = families
      this.#last = families.filter(({ name }) => name < family.name).length - 1
    }
    if (families[this.#last] !== family && families[this.#last + 1] === family) this.#last += 1
    if (families[this.#last] !== family) {
      this.#from = this.#to
      return false
    }
    this.#from = this.#source.startOf(this.#last)
    this.#to = this.#source.startOf(this.#last + 1)
    return this.#to > this.#from
  }

  copyTo(page: Buffer, at: number): void {
    this.#source.copyTo(page, at, this.#from, this.#to)
  }
}

/** HELP and TYPE of all families, one after the other, in the order of the page. */
interface Headers {
  readonly families: readonly Family[]
  readonly starts: Uint32Array // by family: where its header begins; then where the last one ends
  readonly bytes: Buffer
}

let known: Headers = { families: [], starts: new Uint32Array(1), bytes: Buffer.alloc(0) }

function headersNow(): Headers {
  const families = declaredFamilies()
  if (families !== known.families) {
    const texts = families.map(headerOf)
    const starts = new Uint32Array(texts.length + 1)
    for (const [at, text] of texts.entries()) starts[at + 1] = (starts[at] as number) + text.length
    known = { families, starts, bytes: Buffer.concat(texts) }
  }
  return known
}

function headerOf({ name, help, type }: Family): Buffer {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return Buffer.from(`# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`)
}
