// The lines of one source in Prometheus' text format, kept from one page to the next. Most of a page is names, labels
// and help, which hardly ever change, and most values are what they were: so the text is kept as bytes, a value that
// changed is written over the old one, and what stands between two values of another length is moved as a whole.
//
// The text is a list of records, one for each series, in the order of the page: family by family. HELP and TYPE, which all
// sources share, are not in it. A record that is not shown now has no bytes and keeps its place: the percentile of a
// command comes and goes.

import { NumberWriter } from './number-writer.ts'
import type { Family, Series, Snapshot } from './series.ts'

export class ExposedLines {
  #families: readonly Family[] = []
  #firsts: readonly number[] = [] // by family: its first record; then the count of all records
  readonly #labels: string
  #series: readonly Series[] = [] // by place: the order in which snapshots hold them
  #places = new Int32Array(0) // by record: the place of its series
  #shown = new Float64Array(0) // by record: the value that is written
  #lengths = new Uint8Array(0) // by record: the bytes of that value
  #starts = new Uint32Array(1) // by record: where its bytes begin; then where the last ones end
  #bytes: Buffer = Buffer.alloc(0)

  /** `labels` follow those of each series, as `labelText` writes them: `deployment="orders"`. */
  constructor(labels = '') {
    this.#labels = labels
  }

  /** By name; another list once a new series has come. */
  get families(): readonly Family[] {
    return this.#families
  }

  /** Where the lines of a family (its place in `families`) begin; of the place behind the last, where they all end. */
  startOf(family: number): number {
    return this.#starts[this.#firsts[family] as number] as number
  }

  copyTo(page: Buffer, at: number, from: number, to: number): void {
    this.#bytes.copy(page, at, from, to)
  }

  /** Takes over the values of a snapshot, which is the newest of its source. */
  show(snapshot: Snapshot): this {
    taken.begin(this.#series.length)
    if (!this.#take(snapshot)) {
      this.#learn(snapshot)
      taken.begin(this.#series.length)
      this.#take(snapshot)
    }
    this.#write()
    return this
  }

  /** Answers whether all series have a place. Most stand behind the one that they stood behind before. */
  #take({ series, values }: Snapshot): boolean {
    let next = 0
    for (let at = 0; at < series.length; at += 1) {
      const one = series[at] as Series
      if (this.#series[next] !== one) {
        // A linear search: it is a few missing series that are passed over.
        const behind = this.#series.indexOf(one, next)
        next = behind === -1 && !isOrdered(one) ? this.#series.indexOf(one) : behind
        if (next === -1) return false
      }
      taken.values[next] = values[at] as number
      taken.isHere[next] = 1
      next += 1
    }
    return true
  }

  /** Begins anew with the series of a snapshot, in its order, and those missing now where they stood among them. */
  #learn({ series }: Snapshot): void {
    const here = new Set(series)
    const known = this.#series.length > 2 * here.size ? [] : this.#series // most are gone for good
    const places = new Map(known.map((one, place) => [one, place]))
    const merged = new Set<Series>()
    const addMissing = (from: number): void => {
      for (let at = from; at < known.length && !here.has(known[at] as Series); at += 1) merged.add(known[at] as Series)
    }
    addMissing(0)
    for (const one of series) {
      merged.add(one)
      addMissing((places.get(one) ?? known.length) + 1)
    }
    this.#layOut([...merged])
  }

  /** One record after the other. Those that were there keep their bytes, unless their order is another one now. */
  #layOut(series: readonly Series[]): void {
    const byFamily = Map.groupBy(series.keys(), (place) => (series[place] as Series).family)
    const families = [...byFamily].toSorted(([a], [b]) => (a.name < b.name ? -1 : 1))
    const firsts = [0]
    for (const [, ofFamily] of families) firsts.push((firsts.at(-1) as number) + ofFamily.length)
    const places = families.flatMap(([, ofFamily]) => ofFamily)
    const shown = new Float64Array(places.length)
    const lengths = new Uint8Array(places.length)
    const starts = new Uint32Array(places.length + 1)
    let known = 0 // record of the old order
    for (const [record, place] of places.entries()) {
      starts[record + 1] = starts[record] as number // not shown yet
      if (known === this.#places.length || this.#series[this.#places[known] as number] !== series[place]) continue
      shown[record] = this.#shown[known] as number
      lengths[record] = this.#lengths[known] as number
      known += 1
      starts[record + 1] = this.#starts[known] as number
    }
    if (known < this.#places.length) starts.fill(0)
    this.#series = series
    this.#families = families.map(([family]) => family)
    this.#firsts = firsts
    this.#places = Int32Array.from(places)
    this.#shown = shown
    this.#lengths = lengths
    this.#starts = starts
  }

  /** Brings the text up to date. The first `done` bytes of the old text have become those of the draft. */
  #write(): void {
    const [places, starts, bytes] = [this.#places, this.#starts, this.#bytes]
    const { values, isHere: isTaken } = taken
    draft.length = 0
    let [done, oldEnd] = [0, 0]
    for (let record = 0; record < places.length; record += 1) {
      const oldStart = oldEnd
      oldEnd = starts[record + 1] as number
      const place = places[record] as number
      const isHere = isTaken[place] === 1
      if (isHere !== oldEnd > oldStart) {
        draft.copy(bytes, done, oldStart)
        if (isHere) this.#draftRecord(record)
        done = oldEnd
      } else if (isHere && !Object.is(values[place], this.#shown[record])) {
        number.write(values[place] as number)
        const valueStart = oldEnd - 1 - (this.#lengths[record] as number)
        if (number.length === this.#lengths[record]) number.copyTo(bytes, valueStart)
        else {
          draft.copy(bytes, done, valueStart)
          draft.writeNumber()
          done = oldEnd - 1
        }
        this.#remember(record)
      }
      starts[record + 1] = oldEnd + draft.length - done
    }
    if (done + draft.length === 0) return // every value was written over the old one
    draft.copy(bytes, done, oldEnd)
    this.#bytes = draft.moveTo(bytes)
  }

  #draftRecord(record: number): void {
    const place = this.#places[record] as number
    number.write(taken.values[place] as number)
    draft.write(headOf(this.#series[place] as Series, this.#labels))
    draft.writeNumber()
    draft.write('\n')
    this.#remember(record)
  }

  /** What is shown of a record is the number that was written last. */
  #remember(record: number): void {
    this.#shown[record] = taken.values[this.#places[record] as number] as number
    this.#lengths[record] = number.length
  }
}

/** The snapshot that is being shown, by place. One for all, as the draft is. */
class Taken {
  values = new Float64Array(1_024)
  isHere = new Uint8Array(1_024)

  begin(places: number): void {
    if (places > this.values.length) {
      this.values = new Float64Array(2 * places)
      this.isHere = new Uint8Array(2 * places)
    }
    this.isHere.fill(0, 0, places)
  }
}

const taken = new Taken()

const number = new NumberWriter()

/** Where a text is put together. One for all, so that each source holds its text only once. */
class Draft {
  length = 0
  #bytes = Buffer.alloc(2 ** 16)

  copy(from: Buffer, start: number, end: number): void {
    this.#reserve(end - start)
    from.copy(this.#bytes, this.length, start, end)
    this.length += end - start
  }

  write(text: string): void {
    this.#reserve(3 * text.length) // of UTF-8
    this.length += this.#bytes.write(text, this.length)
  }

  writeNumber(): void {
    this.#reserve(number.length)
    number.copyTo(this.#bytes, this.length)
    this.length += number.length
  }

  /** Into this memory, or into new memory when it is too small or far too large. */
  moveTo(bytes: Buffer): Buffer {
    const fits = bytes.length >= this.length && bytes.length <= 2 * this.length
    const moved = fits ? bytes : Buffer.alloc(Math.ceil(this.length * 1.0625))
    this.#bytes.copy(moved, 0, 0, this.length)
    return moved
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#bytes.length) return
    const larger = Buffer.alloc(2 * (this.length + more))
    this.#bytes.copy(larger)
    this.#bytes = larger
  }
}

const draft = new Draft()

/** Buckets and quantiles stand in the order of their bounds, which is that of the snapshot. */
const isOrdered = ({ family: { type } }: Series): boolean => type === 'histogram' || type === 'summary'

/** A line up to its value. */
function headOf({ name, labels }: Series, more: string): string {
  const all = labels === '' || more === '' ? labels + more : `${labels},${more}`
  return all === '' ? `${name} ` : `${name}{${all}} `
}
