// Where a line of samples goes: a straight line through them, and whether they really lie along one.

export type Point = readonly [atMs: number, value: number]

export interface Trend {
  readonly perSecond: number
  readonly overMs: number // from the first sample to the last
  readonly last: number
  readonly isSteady: boolean // it rises, and along a straight line: no jump, no saw
}

const LEAST_MS = 10 * 60_000
const LEAST_POINTS = 20
const STRAIGHT = 0.9 // of the variance is that of the line

/** By least squares. Undefined for samples of less than ten minutes. */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined || points.length < LEAST_POINTS) return undefined
  const overMs = last[0] - first[0]
  if (overMs < LEAST_MS) return undefined
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length
  const [meanAt, meanValue] = [mean(0), mean(1)]
  let [together, ofTime, ofValue] = [0, 0, 0]
  for (const [at, value] of points) {
    together += (at - meanAt) * (value - meanValue)
    ofTime += (at - meanAt) ** 2
    ofValue += (value - meanValue) ** 2
  }
  const straight = ofValue === 0 ? 0 : together ** 2 / (ofTime * ofValue)
  const perSecond = (together / ofTime) * 1_000
  return { perSecond, overMs, last: last[1], isSteady: perSecond > 0 && straight >= STRAIGHT }
}
