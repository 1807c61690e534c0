// Error replies by their first word: ERR, WRONGTYPE, MISCONF, OOM, NOAUTH (since Redis 6.2).

import type { Collector } from '../collector.ts'
import { meaningfulFields } from '../field-series.ts'
import { pairNumber } from '../pairs.ts'
import { remember } from '../series-cache.ts'
import { counter, labelText, seriesOf } from '../series.ts'

const PREFIX = 'errorstat_'
const errors = counter('redis_errors_total', 'Error replies by their first word.')
const seriesOfField = remember((field) => seriesOf(errors, labelText({ err: field.slice(PREFIX.length) })), 1_024)
const fieldsOf = meaningfulFields((field) => (field.startsWith(PREFIX) ? seriesOfField(field) : undefined))

export default {
  asks: 'Error replies by kind.',
  on: 'both',
  start() {
    return ({ info }, out) => {
      for (const { at, means } of fieldsOf(info)) {
        const count = pairNumber(info.textAt(at), 'count=')
        if (count !== undefined) out.add(means, count)
      }
    }
  },
} satisfies Collector
