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

/** The page of sources whose lines are kept. `take` gives the memory for so many bytes. */
export function joinLines(
  sources: readonly ExposedLines[],
  take: (length: number) => Buffer<ArrayBuffer> = Buffer.allocUnsafe,
): Buffer<ArrayBuffer> {
  const stretches = new Stretches()
  mergeFamilies(sources, stretches)
  return stretches.copyTo(take(stretches.length))
}

/** Gathers the text of each family in each source, in the order of the page; only the first one with its header. */
function mergeFamilies(sources: readonly ExposedLines[], stretches: Stretches): void {
  const next = sources.map(() => 0) // by source: its first family that was not visited yet
  for (const family of declaredFamilies()) {
    let isFirst = true
    for (let at = 0; at < sources.length; at += 1) {
      const [source, index] = [sources[at] as ExposedLines, next[at] as number]
      if (source.families[index] !== family) continue
      next[at] = index + 1
      const { header, lines, end } = source.range(index)
      if (header === end) continue // nothing of it is shown now
      stretches.add(source, isFirst ? header : lines, end)
      isFirst = false
    }
  }
}

/** Bytes of sources, one stretch after the other; those that follow each other in their source are one. */
class Stretches {
  length = 0 // of all together
  readonly #sources: ExposedLines[] = []
  readonly #bounds: number[] = [] // where each begins and ends in its source

  add(source: ExposedLines, from: number, to: number): void {
    this.length += to - from
    const last = this.#sources.length - 1
    if (this.#sources[last] === source && this.#bounds[2 * last + 1] === from) this.#bounds[2 * last + 1] = to
    else {
      this.#sources.push(source)
      this.#bounds.push(from, to)
    }
  }

  copyTo(page: Buffer<ArrayBuffer>): Buffer<ArrayBuffer> {
    let length = 0
    for (let at = 0; at < this.#sources.length; at += 1) {
      const [from, to] = [this.#bounds[2 * at] as number, this.#bounds[2 * at + 1] as number]
      this.#sources[at]?.copyTo(page, length, from, to)
      length += to - from
    }
    return page
  }
}

/** A page on its way to whoever asked for it. */
export interface LentPage {
  readonly bytes: Buffer<ArrayBuffer>
  release(): void // it has arrived, or never will: its memory may become another page
}

/**
 * Memory for pages that is used again. That of a large fleet is ten megabytes: made anew for each page, it costs as much
 * as filling it, and two or three of them wait for a collection at any time. A page that is asked for before the one
 * before it has arrived gets memory of its own.
 */
export class PageMemory {
  #free: Buffer<ArrayBuffer> | undefined

  lend(sources: readonly ExposedLines[]): LentPage {
    let memory: Buffer<ArrayBuffer> | undefined
    const bytes = joinLines(sources, (length) => {
      memory = this.#take(length)
      return memory.subarray(0, length)
    })
    return { bytes, release: () => (this.#free = memory) }
  }

  #take(length: number): Buffer<ArrayBuffer> {
    const free = this.#free
    this.#free = undefined
    const fits = free !== undefined && free.length >= length && free.length <= 2 * length
    return fits ? free : Buffer.allocUnsafeSlow(Math.ceil(length * 1.0625))
  }
}
