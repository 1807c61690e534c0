// The percentiles that the server keeps of each command since its start (Redis 7 and later). The quantile labels are
// percent numbers (50, 99, 99.9) and the unit is microseconds, because dashboards for redis_exporter ask for those.

import { ownText } from '../../lib/own-text.ts'
import type { Collector } from '../collector.ts'
import { NumberReader } from '../../redis/number-reader.ts'
import { afterLine } from '../command-table.ts'
import { remember } from '../series-cache.ts'
import { family, labelText, seriesOf, type Series, type Snapshot } from '../series.ts'

const PREFIX = 'latency_percentiles_usec_'
const percentiles = family('redis_latency_percentiles_usec', 'summary', 'Microseconds of the command, since the start.')

interface Quantile {
  readonly name: string // with its sign: `p99.9=`
  readonly series: Series
}

interface Line {
  readonly start: string // `latency_percentiles_usec_get:`
  readonly cmd: string
  readonly sum: Series
  readonly count: Series
  readonly quantiles: Quantile[] // in the order in which the server gives them
}

export default {
  asks: 'Percentiles of each command since the start of the server.',
  on: 'both',
  start() {
    const lines: Line[] = [] // as in the last sample; nearly all stand where they stood
    const reader = new NumberReader()
    return ({ latencyStats: { text, from: begin, to }, commands }, out) => {
      let at = 0
      for (let from = begin; from < to; from = afterLine(text, from)) {
        let line = lines[at]
        if (line === undefined || !text.startsWith(line.start, from)) line = lineAt(text, from)
        if (line === undefined) continue
        lines[at] = line
        at += 1
        const stats = commands.get(line.cmd)
        if (stats === undefined) continue
        addQuantiles(text, from + line.start.length, line, reader, out)
        out.add(line.sum, stats.usec)
        out.add(line.count, stats.calls)
      }
      lines.length = at
    }
  },
} satisfies Collector

const lineOf = remember((cmd): Line => {
  const labels = labelText({ cmd })
  const [sum, count] = [seriesOf(percentiles, labels, '_sum'), seriesOf(percentiles, labels, '_count')]
  return { start: `${PREFIX}${cmd}:`, cmd, sum, count, quantiles: [] }
})

function lineAt(text: string, from: number): Line | undefined {
  const colon = text.indexOf(':', from)
  if (colon === -1 || !text.startsWith(PREFIX, from)) return undefined
  return lineOf(text.slice(from + PREFIX.length, colon))
}

/** `p50=0.001,p99=1.003,p99.9=4.015`: which percentiles there are is a setting, so their places are remembered. */
function addQuantiles(text: string, from: number, { cmd, quantiles }: Line, reader: NumberReader, out: Snapshot): void {
  let start = from
  for (let at = 0; text.charCodeAt(start) === LETTER_P; at += 1) {
    let quantile = quantiles[at]
    if (quantile === undefined || !text.startsWith(quantile.name, start)) {
      const equals = text.indexOf('=', start)
      if (equals === -1) return
      const labels = labelText({ cmd, quantile: String(Number(text.slice(start + 1, equals))) })
      quantile = { name: ownText(text.slice(start, equals + 1)), series: seriesOf(percentiles, labels) }
      quantiles[at] = quantile
    }
    out.add(quantile.series, reader.read(text, start + quantile.name.length))
    start = reader.end + 1 // behind the comma
  }
}

const LETTER_P = 112
