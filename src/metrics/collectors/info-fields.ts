// The plain numbers of INFO under redis_exporter's names: the biggest part of every sample, so one Map lookup a field.

import type { Collector } from '../collector.ts'
import { addRows, type FieldSeries } from '../field-series.ts'
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
    return ({ info }, out) => {
      for (const [field, text] of info) {
        const target = targets.get(field)
        if (target === undefined) continue
        const value = parseState(text)
        if (value !== undefined) out.add(target.series, value / target.divisor)
      }
    }
  },
} satisfies Collector
