// The log of the run that counts: of the process that runs now, or of the last one where none does. A line of an earlier
// run is old news, however well it would fit.

import type { LogEntrySeen } from './reading.ts'
import type { ServerEvidence } from './evidence.ts'

const STARTS = /\b(?:Redis|Valkey) is starting oO0OoO0/ // the first line of each run, since Redis 4; src/server.c

/** Entries since the last start that the log shows, oldest first; all of them where the start is too long ago to be among them. */
export function lastRun({ log }: ServerEvidence): readonly LogEntrySeen[] {
  const entries = log?.entries ?? []
  return entries.slice(Math.max(0, startOf(entries)))
}

function startOf(entries: readonly LogEntrySeen[]): number {
  return entries.findLastIndex(({ text }) => STARTS.test(text))
}
