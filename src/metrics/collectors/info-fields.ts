// The plain numbers of INFO under redis_exporter's names: the biggest part of every sample, so nothing is looked up.

import type { Collector } from '../collector.ts'
import { addRows, meaningfulFields, type FieldSeries } from '../field-series.ts'
import { COUNTER_FIELDS, GAUGE_FIELDS } from '../info-table.ts'
import { parseState } from '../number.ts'
import { counter, gauge } from '../series.ts'

const targets = new Map<string, FieldSeries>()
addRows(targets, GAUGE_FIELDS, gauge)
addRows(targets, COUNTER_FIELDS, counter)
const fieldsOf = meaningfulFields((field) => targets.get(field))

export default {
  asks: 'The numbers of INFO: memory, clients, persistence, traffic, replication.',
  on: 'both',
  start() {
    return ({ info }, out) => {
      for (const { at, means } of fieldsOf(info)) {
        const value = info.digitsAt(at) ?? parseState(info.textAt(at))
        if (value !== undefined) out.add(means.series, value / means.divisor)
      }
    }
  },
} satisfies Collector
