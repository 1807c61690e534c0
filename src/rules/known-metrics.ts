// The metrics that Respite has, by name: what a rule may ask for.

import { declaredFamilies, type MetricType } from '../metrics/series.ts'
import { startCollectors } from '../metrics/take-sample.ts'
// Declare series of their own besides those of the collectors.
import '../metrics/watch-metrics.ts'

export async function knownMetrics(): Promise<Map<string, MetricType>> {
  await startCollectors()
  return new Map(declaredFamilies().map(({ name, type }) => [name, type]))
}
