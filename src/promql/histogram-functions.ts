// histogram_quantile and histogram_fraction: series that differ in `le` only are the buckets of one histogram.

import { bucketFraction, bucketQuantile, type Bucket } from './buckets.ts'
import type { Remarks } from './annotations.ts'
import { parseNumber } from './literals.ts'
import type { Labels } from './labels.ts'
import type { Place } from './syntax.ts'
import { makeVector, push, type Vector } from './vector.ts'

interface Histogram {
  readonly labels: Labels // without `le`
  readonly buckets: Bucket[]
}

interface Context {
  readonly remarks: Remarks
  readonly place: Place // of the vector, for remarks
  readonly delaysNames: boolean // remarks then know the name
  readonly nameless: (labels: Labels) => Labels
}

function histogramsOf(vector: Vector, { remarks, place, delaysNames }: Context): Histogram[] {
  const found = new Map<string, Histogram>()
  for (let at = 0; at < vector.labels.length; at += 1) {
    const labels = vector.labels[at] as Labels
    const bound = parseNumber(labels.get('le'))
    if (bound === undefined) {
      const why = 'bucket label "le" is missing or has a malformed value'
      remarks.warn(place, `${why} of ${JSON.stringify(labels.get('le'))}${nameText(labels, delaysNames)}`)
      continue
    }
    const rest = labels.without(['le'])
    let histogram = found.get(rest.key)
    if (histogram === undefined) {
      histogram = { labels: rest, buckets: [] }
      found.set(rest.key, histogram)
    }
    histogram.buckets.push({ bound, count: vector.values[at] as number })
  }
  return [...found.values()]
}

function nameText(labels: Labels, delaysNames: boolean): string {
  const name = delaysNames ? labels.get('__name__') : ''
  return name === '' ? '' : ` for metric name ${JSON.stringify(name)}`
}

export function histogramQuantile(q: number, vector: Vector, context: Context): Vector {
  const result = makeVector(vector.differByName)
  for (const { labels, buckets } of histogramsOf(vector, context)) {
    const { value, lifted } = bucketQuantile(q, buckets)
    if (lifted !== undefined)
      context.remarks.inform(
        context.place,
        'input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/' +
          `latest/querying/functions/#histogram_quantile)${nameText(labels, context.delaysNames)}, from buckets ` +
          `${lifted.least} to ${lifted.most}, with a max diff of ${Number(lifted.difference.toPrecision(2))}`,
      )
    push(result, context.nameless(labels), value)
  }
  return result
}

export function histogramFraction(lower: number, upper: number, vector: Vector, context: Context): Vector {
  const result = makeVector(vector.differByName)
  for (const { labels, buckets } of histogramsOf(vector, context))
    push(result, context.nameless(labels), bucketFraction(lower, upper, buckets))
  return result
}
