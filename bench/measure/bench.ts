// What a bench is: one file in bench/ that measures one promise on real servers, beside what it is compared with, and
// says whether the promise is kept. `npm run bench -- NAME` runs it; its raw numbers are kept in bench/results/.

export interface Bench {
  readonly asks: string // what is measured, one line
  readonly bar: string // what must be reached
  run(options: BenchOptions): Promise<Outcome>
}

export interface BenchOptions {
  readonly full: boolean // --full: as many tries as a proof wants, and as long
  say(text: string): void // what is under way, for a person who waits
}

export interface Outcome {
  readonly table: readonly (readonly string[])[] // the first row names the columns
  readonly reached: boolean
  readonly says: string // one line: the number that is compared with the bar
  readonly raw: unknown // every single measurement, for bench/results/
}

export function isBench(value: unknown): value is Bench {
  const unit = value as Partial<Bench> | undefined
  return typeof unit?.asks === 'string' && typeof unit.bar === 'string' && typeof unit.run === 'function'
}

/** Columns as wide as their widest cell; numbers to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_name, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)))
  const cell = (text: string, width: number): string =>
    /^[-+]?\d/.test(text) ? text.padStart(width) : text.padEnd(width)
  return rows
    .map((row) =>
      row
        .map((text, at) => cell(text, widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
