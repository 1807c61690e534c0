// Series whose labels are fields of INFO. The labels are put together again only when one of the fields has changed.

import { ownText } from '../lib/own-text.ts'
import type { Info } from '../redis/info.ts'
import { labelText, seriesOf, type Family, type Series } from './series.ts'

/**
 * For one server: its series of the family, or undefined when INFO has none of the fields. Those of `always`, which come
 * first, are empty where INFO lacks them; the others are left out.
 */
export function startLabels(
  of: Family,
  others: readonly string[],
  always: readonly string[] = [],
): (info: Info) => Series | undefined {
  const fields = [...always, ...others]
  let last: (string | undefined)[] = []
  let series: Series | undefined
  return (info) => {
    const isSame = last.length > 0 && fields.every((field, at) => info.says(field, last[at]))
    if (isSame) return series
    last = fields.map((field) => ownText(info.get(field)))
    const present = fields.flatMap((field, at) => {
      const text = last[at] ?? (at < always.length ? '' : undefined)
      return text === undefined ? [] : [[field, text] as const]
    })
    series = present.length === 0 ? undefined : seriesOf(of, labelText(Object.fromEntries(present)))
    return series
  }
}
