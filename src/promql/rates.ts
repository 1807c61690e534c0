// How fast something changes: rate, increase and delta over a window, irate and idelta between its last two samples.
//
// The samples seldom lie on the edges of the window. What happened between edge and sample is extrapolated: to the edge
// when the sample is near it (1.1 times the usual distance between samples), by half of that distance otherwise; and a
// counter is never extrapolated below zero. A counter that falls was reset, and counts on from zero.

import type { Window } from './window.ts'

const NEAR = 1.1

interface Kind {
  readonly isCounter: boolean
  readonly perSecond: boolean
}

export function extrapolatedChange(window: Window, { isCounter, perSecond }: Kind): number | undefined {
  const { first, end } = window
  const gaps = end - first - 1
  if (gaps < 1) return undefined
  const firstValue = window.value(first)
  let change = window.value(end - 1) - firstValue
  if (isCounter) change += lostInResets(window)

  const sampledSeconds = (window.time(end - 1) - window.time(first)) / 1000
  const gapSeconds = sampledSeconds / gaps
  let toStart = (window.time(first) - window.startMs) / 1000
  let toEnd = (window.endMs - window.time(end - 1)) / 1000
  if (toStart >= gapSeconds * NEAR) toStart = gapSeconds / 2
  if (isCounter && change > 0 && firstValue >= 0) {
    const toZero = sampledSeconds * (firstValue / change)
    if (toZero < toStart) toStart = toZero
  }
  if (toEnd >= gapSeconds * NEAR) toEnd = gapSeconds / 2
  let factor = sampledSeconds === 0 ? 1 : (sampledSeconds + toStart + toEnd) / sampledSeconds
  if (perSecond) factor /= window.rangeMs / 1000
  return change * factor
}

function lostInResets({ values, first, end }: Window): number {
  let lost = 0
  for (let at = first + 1; at < end; at += 1)
    if ((values[at] as number) < (values[at - 1] as number)) lost += values[at - 1] as number
  return lost
}

export function lastChange(window: Window, { isCounter, perSecond }: Kind): number | undefined {
  if (window.count < 2) return undefined
  const last = window.end - 1
  const elapsedMs = window.time(last) - window.time(last - 1)
  if (elapsedMs === 0) return undefined
  const [before, now] = [window.value(last - 1), window.value(last)]
  const change = isCounter && now < before ? now : now - before
  return perSecond ? change / (elapsedMs / 1000) : change
}
