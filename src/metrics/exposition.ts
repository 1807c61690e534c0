// What /metrics and `respite metrics` print: Prometheus' text format 0.0.4. Families stand in the order of their names,
// each with its HELP and TYPE once, then the series of all sources; a source's own labels follow those of the series.
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/

import { ExposedLines } from './exposed-lines.ts'
import { declaredFamilies, type Snapshot } from './series.ts'

export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export interface ExposedSource {
  readonly snapshot: Snapshot
  readonly labels?: string | undefined // appended to each series, as `labelText` writes them: `deployment="orders"`
}

/** A page of sources that are shown once. A label that a series and its source both have would make the text invalid. */
export function renderExposition(sources: readonly ExposedSource[]): string {
  return joinLines(sources.map(({ snapshot, labels }) => new ExposedLines(labels).show(snapshot))).toString()
}

/** The page of sources whose lines are kept. */
export function joinLines(sources: readonly ExposedLines[]): Buffer<ArrayBuffer> {
  let length = 0
  mergeFamilies(sources, (_source, from, to) => (length += to - from))
  const page = new Page(length) // exactly: that of a large fleet is ten megabytes
  mergeFamilies(sources, (source, from, to) => page.add(source, from, to))
  return page.end()
}

/** Visits the text of each family in each source, in the order of the page; only the first one with its header. */
function mergeFamilies(
  sources: readonly ExposedLines[],
  visit: (source: ExposedLines, from: number, to: number) => void,
): void {
  const next = sources.map(() => 0) // by source: its first family that was not visited yet
  for (const family of declaredFamilies()) {
    let isFirst = true
    for (let at = 0; at < sources.length; at += 1) {
      const [source, index] = [sources[at] as ExposedLines, next[at] as number]
      if (source.families[index] !== family) continue
      next[at] = index + 1
      const { header, lines, end } = source.range(index)
      if (header === end) continue // nothing of it is shown now
      visit(source, isFirst ? header : lines, end)
      isFirst = false
    }
  }
}

/** Bytes of sources one after the other; those that follow each other in their source are copied at once. */
class Page {
  readonly #bytes: Buffer<ArrayBuffer>
  #length = 0
  #source: ExposedLines | undefined
  #from = 0
  #to = 0

  constructor(length: number) {
    this.#bytes = Buffer.allocUnsafe(length)
  }

  add(source: ExposedLines, from: number, to: number): void {
    if (source !== this.#source || from !== this.#to) {
      this.#copy()
      this.#source = source
      this.#from = from
    }
    this.#to = to
  }

  end(): Buffer<ArrayBuffer> {
    this.#copy()
    return this.#bytes
  }

  #copy(): void {
    this.#source?.copyTo(this.#bytes, this.#length, this.#from, this.#to)
    this.#length += this.#to - this.#from
  }
}
