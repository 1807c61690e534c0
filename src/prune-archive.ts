// Removes from the archive of one deployment what `backup.keep` does not keep: what the daemon does once a day. Age decides
// here, and age is told by a clock; where there is doubt about it, or about the newest backup, nothing is removed and the
// reason is said. `respite prune` removes on a person's word, and asks for none of this.

import type { BackupSettings } from './archive-fleet.ts'
import { readCatalog, type DeploymentArchive } from './archive/catalog.ts'
import { prune, removalsOf } from './archive/prune.ts'
import { planRetention, type Keep } from './archive/retention.ts'
import { openStorage } from './archive/store/storage.ts'
import type { Clock } from './lib/clock.ts'
import { formatDuration } from './lib/units.ts'

export interface PruneArchiveOptions {
  readonly backup: Pick<BackupSettings, 'to' | 'credentialsFile' | 'everyMs'>
  readonly keep: Keep
  readonly deployment: string
  readonly clock: Clock
  readonly signal: AbortSignal // ends it between two objects
}

export interface Pruned {
  readonly held?: string // why nothing was removed
  readonly bases: readonly string[] // ids of those that are gone
  readonly segments: number
  readonly bytes: number
  readonly refused: readonly { readonly key: string; readonly why: string }[] // what the store did not give up
}

const DAY_MS = 86_400_000
const SKEW_MS = 60_000 // what no clock that is kept in time is off by

/** Throws a Fault when the store cannot be asked, or when a manifest cannot be read. */
export async function pruneArchive(options: PruneArchiveOptions): Promise<Pruned> {
  const { backup, keep, deployment, clock, signal } = options
  const nothing: Pruned = { bases: [], segments: 0, bytes: 0, refused: [] }
  const store = await openStorage(backup.to, { clock, credentialsFile: backup.credentialsFile, mustExist: true })
  try {
    const { clockSkewMs = 0 } = await store.check()
    if (Math.abs(clockSkewMs) > SKEW_MS)
      return { ...nothing, held: `the clock of the store and ours are ${formatDuration(Math.abs(clockSkewMs))} apart` }
    const [archive] = await readCatalog(store, deployment)
    if (archive === undefined) return nothing
    const now = clock.now()
    const held = doubtOf(archive, now, 2 * backup.everyMs)
    if (held !== undefined) return { ...nothing, held }
    const retention = planRetention(archive, keep, now)
    const removals = await removalsOf(store, archive, { retention, now })
    const refused = await prune(store, { retention, removals, now, signal })
    const kept = new Set(refused.map(({ key }) => key))
    const gone = removals.filter(({ key }) => !kept.has(key))
    return {
      bases: gone.flatMap(({ key }) => /\/bases\/([^/]+)\/manifest\.json$/.exec(key)?.[1] ?? []),
      segments: gone.filter(({ what }) => what === 'segment').length,
      bytes: gone.reduce((sum, { bytes }) => sum + bytes, 0),
      refused,
    }
  } finally {
    store.close()
  }
}

/**
 * Why the clock may be wrong, judged by the dates in the archive. A clock that was set forward while nobody looked leaves a
 * break in them; so does an archive that stood still. Which it was nobody can tell here, so a day is left to look at it.
 */
function doubtOf({ shards }: DeploymentArchive, now: number, breakMs: number): string | undefined {
  const timelines = shards.flatMap((shard) => shard.timelines)
  const dates = timelines
    .flatMap(({ bases, segments }) => [
      ...bases.map(({ at }) => Date.parse(at)),
      ...segments.map(({ toTime }) => toTime),
    ])
    .toSorted((a, b) => a - b)
  const newest = dates.at(-1) ?? now
  if (newest > now + SKEW_MS) return `the newest write in the archive is dated ${formatDuration(newest - now)} from now`
  const longestMs = Math.max(DAY_MS, breakMs)
  for (const [at, date] of [...dates, now].entries()) {
    const before = dates[at - 1] ?? date
    if (date - before > longestMs && now - date < DAY_MS)
      return `between ${new Date(before).toISOString()} and ${new Date(date).toISOString()} nothing was archived, or the clock was set`
  }
  return undefined
}
