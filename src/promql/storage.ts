// Where the evaluation gets its samples from. It knows nothing of how they are kept; the history of this process, a test
// and a remote server answer the same question.

import type { LabelRecord } from './labels.ts'
import type { Matcher } from './matcher.ts'

export interface StoredSeries {
  readonly labels: LabelRecord // with `__name__`. The same object each time spares sorting it again.
  readonly timestamps: ArrayLike<number> // epoch milliseconds, ascending
  readonly values: ArrayLike<number> // as many
  readonly stale: ArrayLike<number> // ascending: when the series had ended; no sample before such a time holds after it
}

export interface Selection {
  readonly fromMs: number // included
  readonly toMs: number // included
  readonly onlyLast: boolean // the newest sample of each series is enough: the storage may leave the others out
}

export interface Storage {
  /** The series with samples in the time asked for, in an order that stays the same. */
  select(matchers: readonly Matcher[], selection: Selection): readonly StoredSeries[]
}

/** The value that the name of every series asked for has, when the matchers say one. */
export function nameOf(matchers: readonly Matcher[]): string | undefined {
  const name = matchers.find(({ label, operator }) => label === '__name__' && operator === '=')?.value
  return name === '' ? undefined : name
}
