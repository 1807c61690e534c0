// How far something is, in one line of a terminal that is written over and over and is gone at the end. Elsewhere (a log, a
// pipe) it writes nothing.

import { formatBytes, formatDuration } from '../lib/units.ts'
import type { Output } from './command.ts'

const EVERY_MS = 100
const WIDTH = 24

export interface ProgressBar {
  show(doneBytes: number): void
  end(): void
}

/** `totalBytes` undefined: nobody knows, so there is no bar and no time left. */
export function startProgressBar(
  out: Output,
  totalBytes: number | undefined,
  clockMs: () => number = () => performance.now(),
): ProgressBar {
  const started = clockMs()
  let shown = started
  let isThere = false
  return {
    show(doneBytes) {
      const now = clockMs()
      if (out.isTTY !== true || now - shown < EVERY_MS) return
      shown = now
      isThere = true
      out.write(`\r${lineOf(doneBytes, totalBytes, now - started).slice(0, (out.columns ?? 80) - 1)}\u001b[K`)
    },
    end() {
      if (isThere) out.write('\r\u001b[K')
      isThere = false
    },
  }
}

function lineOf(doneBytes: number, totalBytes: number | undefined, tookMs: number): string {
  const speed = `${formatBytes((doneBytes / tookMs) * 1000)}/s`
  if (totalBytes === undefined || totalBytes === 0) return `${formatBytes(doneBytes)}  ${speed}`
  const share = Math.min(1, doneBytes / totalBytes)
  const full = Math.round(share * WIDTH)
  const left = formatDuration(share === 0 ? Number.NaN : (tookMs / share) * (1 - share))
  const bar = '█'.repeat(full) + '░'.repeat(WIDTH - full)
  return `${bar} ${Math.floor(share * 100)} %  ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}  ${speed}  ${left} left`
}
