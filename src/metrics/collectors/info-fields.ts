// The plain numbers of INFO under redis_exporter's names: the biggest part of every sample, so nothing is looked up.

import type { Collector } from '../collector.ts'
import { addRows, startFields, type FieldSeries } from '../field-series.ts'
import { COUNTER_FIELDS, GAUGE_FIELDS } from '../info-table.ts'
import { parseState } from '../number.ts'
import { counter, gauge } from '../series.ts'

const targets = new Map<string, FieldSeries>()
addRows(targets, GAUGE_FIELDS, gauge)
addRows(targets, COUNTER_FIELDS, counter)

export default {
  asks: 'The numbers of INFO: memory, clients, persistence, traffic, replication.',
  on: 'both',
  start() {
    const fieldsOf = startFields((field) => targets.get(field))
    return ({ info }, out) => {
      for (const { at, means } of fieldsOf(info)) {
        const value = info.digitsAt(at) ?? parseState(info.textAt(at))
        if (value !== undefined) out.add(means.series, value / means.divisor)
      }
    }
  },
} satisfies Collector
