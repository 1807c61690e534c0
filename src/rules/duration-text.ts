// A duration as rule files write it: `1h30m`, `250ms`, `0s`.

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]

export function durationText(ms: number): string {
  let left = Math.abs(Math.round(ms))
  let text = ''
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(left / unitMs)
    left -= count * unitMs
    if (count > 0) text += `${count}${unit}`
  }
  return text === '' ? '0s' : (ms < 0 ? '-' : '') + text
}
