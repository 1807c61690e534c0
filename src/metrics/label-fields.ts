// Series whose labels are fields of INFO. The labels are put together again only when one of the fields has changed.

import { ownText } from '../lib/own-text.ts'
import type { Info } from '../redis/info.ts'
import { labelText, seriesOf, type Family, type Series } from './series.ts'

/** For one server: its series of the family, or undefined when INFO has none of the fields. */
export function startLabels(of: Family, fields: readonly string[]): (info: Info) => Series | undefined {
  let last: (string | undefined)[] = []
  let series: Series | undefined
  return (info) => {
    const isSame = last.length > 0 && fields.every((field, at) => info.get(field) === last[at])
    if (isSame) return series
    last = fields.map((field) => ownText(info.get(field)))
    const present = fields.flatMap((field, at) => (last[at] === undefined ? [] : [[field, last[at]] as const]))
    series = present.length === 0 ? undefined : seriesOf(of, labelText(Object.fromEntries(present)))
    return series
  }
}
