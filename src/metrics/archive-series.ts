// What the archive of a deployment says of itself, as series: one of each for every shard. Handed over as plain numbers by
// whoever keeps the archive; nothing here is asked of a server or a store.

import { counter, gauge, labelText, seriesOf, type Snapshot } from './series.ts'

/** One shard under archive, now. What is not known is undefined, and has no series. */
export interface ArchivedShard {
  readonly shard: string
  readonly streaming: boolean
  readonly storeReachable: boolean
  readonly lagSeconds: number | undefined // age of the oldest write of the primary that is not in the store
  readonly lastBaseSeconds: number | undefined // Unix time at which the newest base was begun
  readonly verifiedSeconds: number | undefined // Unix time at which a base was last read back whole
  readonly verificationFailed: boolean
  readonly baseEverySeconds: number
  readonly baseBytes: number | undefined // of its RDB
  readonly baseStoredBytes: number | undefined
  readonly baseSeconds: number | undefined // that it took
  readonly baseKeys: number | undefined
  readonly waitingBytes: number // in memory, for the store
  readonly spoolBytes: number
  readonly spoolLimitBytes: number
  readonly gaps: number // since the start
  readonly tripped: number // restore points that the tripwire made since the start
  readonly trouble: readonly string[] // what is wrong now with the store and the bases, in words
  readonly notFollowed: string | undefined // why nobody is followed, and has not been for a while
  readonly pruning: Pruning | undefined // of the whole deployment; undefined: nothing is removed by itself
}

export interface Pruning {
  readonly prunedSeconds: number | undefined // Unix time at which retention was carried out last
  readonly held: boolean
  readonly failed: boolean
}

const families = {
  streaming: gauge('respite_archive_streaming', '1 while the shard’s stream is followed.'),
  reachable: gauge('respite_archive_store_reachable', '0 while the store takes nothing.'),
  lag: gauge('respite_archive_lag_seconds', 'Age of the oldest write of the primary that is not in the store.'),
  lastBase: gauge('respite_archive_last_base_timestamp_seconds', 'Unix time at which the newest base was begun.'),
  verified: gauge('respite_archive_verified_timestamp_seconds', 'Unix time at which a base was last read back whole.'),
  unverified: gauge('respite_archive_verification_failed', '1 when the last reading back found damage.'),
  every: gauge('respite_archive_base_interval_seconds', 'How often a base is to be taken.'),
  baseBytes: gauge('respite_archive_base_bytes', 'Size of the newest base as an RDB.'),
  baseStored: gauge('respite_archive_base_stored_bytes', 'Size of the newest base in the store.'),
  baseSeconds: gauge('respite_archive_base_duration_seconds', 'How long the newest base took.'),
  baseKeys: gauge('respite_archive_base_keys', 'Keys in the newest base.'),
  waiting: gauge('respite_archive_waiting_bytes', 'Bytes in memory that wait for the store.'),
  spool: gauge('respite_archive_spool_bytes', 'Bytes on the local disk that wait for the store.'),
  spoolLimit: gauge('respite_archive_spool_limit_bytes', 'How much may wait on the local disk.'),
  gaps: counter('respite_archive_gaps_total', 'Stretches of the stream that were lost since the start.'),
  tripped: counter('respite_archive_tripwire_total', 'Restore points made because a dataset was being taken away.'),
  pruned: gauge(
    'respite_archive_pruned_timestamp_seconds',
    'Unix time at which all that is not kept was removed last.',
  ),
  pruneHeld: gauge('respite_archive_prune_held', '1 while nothing is removed because of a doubt; the log says which.'),
  pruneFailed: gauge('respite_archive_prune_failed', '1 when the store failed to remove what is not kept.'),
}

export function addArchive(snapshot: Snapshot, shards: readonly ArchivedShard[]): void {
  for (const shard of shards) {
    const labels = labelText({ shard: shard.shard })
    const values: Record<keyof typeof families, number | undefined> = {
      streaming: Number(shard.streaming),
      reachable: Number(shard.storeReachable),
      lag: shard.lagSeconds,
      lastBase: shard.lastBaseSeconds,
      verified: shard.verifiedSeconds,
      unverified: Number(shard.verificationFailed),
      every: shard.baseEverySeconds,
      baseBytes: shard.baseBytes,
      baseStored: shard.baseStoredBytes,
      baseSeconds: shard.baseSeconds,
      baseKeys: shard.baseKeys,
      waiting: shard.waitingBytes,
      spool: shard.spoolBytes,
      spoolLimit: shard.spoolLimitBytes,
      gaps: shard.gaps,
      tripped: shard.tripped,
      pruned: shard.pruning?.prunedSeconds,
      pruneHeld: shard.pruning && Number(shard.pruning.held),
      pruneFailed: shard.pruning && Number(shard.pruning.failed),
    }
    for (const [name, family] of Object.entries(families)) {
      const value = values[name as keyof typeof families]
      if (value !== undefined) snapshot.add(seriesOf(family, labels), value)
    }
  }
}
