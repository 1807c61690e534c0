// From a field of INFO to its series: the tables turned into one Map, and for one server the fields that a collector reads.

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

/** The fields that mean something to a collector. Which they are is worked out again only when INFO has others. */
export function startFields<T>(
  meaningOf: (field: string) => T | undefined,
): (info: Info) => readonly FieldMeaning<T>[] {
  let names: readonly string[] = []
  let found: FieldMeaning<T>[] = []
  return (info) => {
    if (info.names === names) return found
    names = info.names
    found = names.flatMap((field, at) => {
      const means = meaningOf(field)
      return means === undefined ? [] : [{ at, means }]
    })
    return found
  }
}
