// From a field of INFO to its series: the tables turned into one Map, and the fields that a collector reads.

import type { Info } from '../redis/info.ts'
import type { FieldRow } from './info-table.ts'
import { seriesOf, type Family, type Series } from './series.ts'

export interface FieldSeries {
  readonly series: Series
  readonly divisor: number
}

/** Declares a family for each row and adds it under its field. */
export function addRows(
  to: Map<string, FieldSeries>,
  rows: readonly FieldRow[],
  declare: (name: string, help: string) => Family,
): void {
  for (const [field, metric, help, divisor = 1] of rows)
    to.set(field, { series: seriesOf(declare(`redis_${metric}`, help)), divisor })
}

export interface FieldMeaning<T> {
  readonly at: number // place of the field in INFO
  readonly means: T
}

/** The fields that mean something to a collector, worked out once for all servers whose INFO has the same ones. */
export function meaningfulFields<T>(
  meaningOf: (field: string) => T | undefined,
): (info: Info) => readonly FieldMeaning<T>[] {
  const known = new WeakMap<readonly string[], FieldMeaning<T>[]>()
  return ({ names }) => {
    let found = known.get(names)
    if (found === undefined) {
      found = names.flatMap((field, at) => {
        const means = meaningOf(field)
        return means === undefined ? [] : [{ at, means }]
      })
      known.set(names, found)
    }
    return found
  }
}
