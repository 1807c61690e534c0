// From a field of INFO to its series: the tables turned into one Map.

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
