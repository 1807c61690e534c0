// What a crash may cost by the settings: how old a change may be that stands in no file yet. Save points are explained in
// numbers, since `save 3600 1 300 100` says to most people that a snapshot is made every five minutes.

import { formatWhole } from '../../lib/units.ts'
import type { Fact } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { setting, settingFact } from './reading.ts'
import { hasAppendOnlyFile, savePoints, type SavePoint } from './snapshots.ts'

export interface CrashLoss {
  readonly worstMs: number // Infinity where some changes are never written by themselves
  readonly says: string // "1 to 99 changes: up to 3,600 s lost; 100 to 9,999: 300 s; 10,000 and more: 60 s"
  readonly evidence: readonly Fact[]
}

// flushAppendOnlyFile of src/aof.c: a sync a second, which a slow disk may hold up by two; without, the kernel writes
// after 30 s (vm.dirty_expire_centisecs).
const BY_SYNC: Readonly<Record<string, { readonly worstMs: number; readonly says: string }>> = {
  always: { worstMs: 0, says: 'nothing that was answered is lost' },
  everysec: { worstMs: 2_000, says: 'one second of writes may be lost, two where the disk is slow' },
  no: {
    worstMs: 30_000,
    says: 'half a minute of writes may be lost when the machine dies: the kernel writes when it likes',
  },
}

/** Undefined where the settings were not seen. */
export function crashLoss(server: ServerEvidence): CrashLoss | undefined {
  const points = savePoints(server)
  if (hasAppendOnlyFile(server) === true) {
    const bySync = BY_SYNC[setting(server, 'appendfsync') ?? '']
    return bySync === undefined ? undefined : { ...bySync, evidence: [settingFact(server, 'appendfsync')] }
  }
  if (points === undefined) return undefined
  return { ...bySavePoints(points), evidence: [settingFact(server, 'save')] }
}

interface Range {
  readonly from: number // changes
  readonly seconds: number
}

/** The more changes, the sooner: ranges of changes, and how long each may wait. */
function rangesOf(points: readonly SavePoint[]): readonly Range[] {
  const ranges: Range[] = []
  for (const { changes, seconds } of points.toSorted((a, b) => a.changes - b.changes || a.seconds - b.seconds)) {
    const last = ranges.at(-1)
    if (last === undefined || (seconds < last.seconds && changes > last.from)) ranges.push({ from: changes, seconds })
  }
  return ranges
}

/** How long so many changes may wait for a snapshot; undefined: for ever. */
export function waitSeconds(points: readonly SavePoint[], changes: number): number | undefined {
  return rangesOf(points).findLast(({ from }) => from <= changes)?.seconds
}

/** The settings in words, and the worst of them. */
export function bySavePoints(points: readonly SavePoint[]): Pick<CrashLoss, 'worstMs' | 'says'> {
  const ranges = rangesOf(points)
  const [first] = ranges
  if (first === undefined) return { worstMs: Infinity, says: 'nothing is saved by itself, so that all is lost' }
  const words = ranges.map(({ from, seconds }, at) => {
    const next = ranges[at + 1]
    const changes =
      next === undefined ? `${formatWhole(from)} and more` : `${formatWhole(from)} to ${formatWhole(next.from - 1)}`
    return at === 0
      ? `${changes} changes: up to ${formatWhole(seconds)} s lost`
      : `${changes}: ${formatWhole(seconds)} s`
  })
  if (first.from <= 1) return { worstMs: first.seconds * 1_000, says: words.join('; ') }
  const few = first.from === 2 ? '1 change is' : `1 to ${formatWhole(first.from - 1)} changes are`
  return { worstMs: Infinity, says: `${few} never saved by themselves; ${words.join('; ')}` }
}

/** Does an archive hold what this server's own files do not, and not much later than it was written? */
export function isArchived({ backups, deployment }: Evidence): boolean {
  const lag = backups?.lagSeconds
  return lag !== undefined && lag * 1_000 <= Math.max(deployment.rpoMs ?? 0, ARCHIVED_MS)
}

const ARCHIVED_MS = 30_000 // as the rule RedisMissingBackup has it
