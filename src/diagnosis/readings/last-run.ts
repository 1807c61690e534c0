// The log of the run that counts: of the process that runs now, or of the last one where none does. A line of an earlier
// run is old news, however well it would fit.

import type { AnswerId } from '../../redis/answers.ts'
import { wholeText, type LogEntrySeen } from './reading.ts'
import type { ServerEvidence } from '../evidence.ts'

const STARTS = /\b(?:Redis|Valkey) is starting oO0OoO0/ // the first line of each run, since Redis 4; src/server.c

/** Entries since the last start that the log shows, oldest first; all of them where the start is too long ago to be among them. */
export function lastRun({ log }: ServerEvidence): readonly LogEntrySeen[] {
  const entries = log?.entries ?? []
  return entries.slice(Math.max(0, startOf(entries)))
}

/** Does the log reach back to the last start? What is not in it then did not happen. */
export function showsStart({ log }: ServerEvidence): boolean {
  return startOf(log?.entries ?? []) >= 0
}

function startOf(entries: readonly LogEntrySeen[]): number {
  return entries.findLastIndex(({ text }) => STARTS.test(text))
}

const READY = /\b[Rr]eady to accept connections/

/**
 * The last words of a server that does not serve now: the last entry that matches since it was last ready, over as many
 * starts as it has failed. Undefined for one that serves.
 */
export function lastWords(server: ServerEvidence, pattern: RegExp): LastWords | undefined {
  if (server.asked || !NOT_SERVING.has(server.answer.id)) return undefined
  const entries = server.log?.entries ?? []
  const since = entries.slice(entries.findLastIndex(({ text }) => READY.test(text)) + 1)
  for (const entry of since.toReversed()) {
    const match = pattern.exec(wholeText(entry))
    if (match !== null) return { entry, match }
  }
  return undefined
}

export interface LastWords {
  readonly entry: LogEntrySeen
  readonly match: RegExpExecArray
}

// `loading`: between two starts that fail, it is seen while it reads.
const NOT_SERVING: ReadonlySet<AnswerId> = new Set(['refused', 'reset', 'loading'])
