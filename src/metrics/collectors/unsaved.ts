// How old the oldest change is that stands in no file of the server: what a crash of its machine's memory would cost.
// INFO's time of the last save says something else: it is the start of the process when nothing was ever saved, and it
// grows old on a server to which nobody writes.
//
// What has happened before the first sample can only be bounded: the oldest unsaved change may be as old as the last
// save. An append-only file that is written without errors holds every change.

import { ownText } from '../../lib/own-text.ts'
import type { Info } from '../../redis/info.ts'
import type { Collector } from '../collector.ts'
import { parseNumber } from '../number.ts'
import { gauge, seriesOf } from '../series.ts'

const unsaved = seriesOf(
  gauge('respite_unsaved_seconds', 'Age of the oldest change that no snapshot and no append-only file holds.'),
)

interface Seen {
  readonly runId: string
  readonly atMs: number // of the sample, by the server's clock
  readonly savedAtMs: number
  readonly savingSinceMs: number | undefined // begin of the snapshot that was under way
}

export default {
  asks: 'Since when there are changes that stand in no file.',
  on: 'server',
  start() {
    let before: Seen | undefined
    let sinceMs: number | undefined
    return ({ info, now }, out) => {
      const changes = parseNumber(info.get('rdb_changes_since_last_save'))
      const seen = look(info, now, before)
      if (changes === undefined || seen === undefined) return
      if (changes === 0) sinceMs = undefined
      else sinceMs = oldestMs(sinceMs, before, seen, info)
      before = seen
      const isHeld = sinceMs === undefined || isInAppendOnlyFile(info)
      out.add(unsaved, isHeld ? 0 : Math.max(0, seen.atMs - (sinceMs ?? seen.atMs)) / 1000)
    }
  },
} satisfies Collector

function look(info: Info, now: number, before: Seen | undefined): Seen | undefined {
  const savedAt = parseNumber(info.get('rdb_last_save_time'))
  if (savedAt === undefined) return undefined
  const microseconds = parseNumber(info.get('server_time_usec')) // since 6.0
  const atMs = microseconds === undefined ? now : microseconds / 1000
  const savingFor = parseNumber(info.get('rdb_current_bgsave_time_sec')) ?? -1
  const savingSinceMs = savingFor < 0 ? undefined : atMs - savingFor * 1000
  const runId = info.get('run_id') ?? ''
  return {
    runId: before?.runId === runId ? before.runId : ownText(runId),
    atMs,
    savedAtMs: savedAt * 1000,
    savingSinceMs,
  }
}

/** There are changes; since when? */
function oldestMs(sinceMs: number | undefined, before: Seen | undefined, seen: Seen, info: Info): number {
  if (before === undefined || before.runId !== seen.runId) return seen.savedAtMs
  if (before.savedAtMs === seen.savedAtMs) return sinceMs ?? before.atMs
  // Saved meanwhile: what came while the snapshot was written is not in it.
  const tookMs = Math.max(0, parseNumber(info.get('rdb_last_bgsave_time_sec')) ?? 0) * 1000
  return Math.max(before.savingSinceMs ?? before.atMs, seen.savedAtMs - tookMs)
}

/** Since `appendonly yes` was set at run time, the file is whole only when its first rewrite has ended. */
function isInAppendOnlyFile(info: Info): boolean {
  const isWriting = info.get('aof_enabled') === '1' && info.get('aof_last_write_status') === 'ok'
  const isFirst = info.get('aof_base_size') === '0' && info.get('aof_rewrite_in_progress') === '1'
  return isWriting && !isFirst
}
