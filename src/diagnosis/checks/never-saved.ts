// A dataset of which nothing is written anywhere: no save points, no append-only file, on none of its servers, and no
// archive. Every restart loses all of it. Of a cache that is as it should be.

import type { DeploymentCheck, Fact, Found } from '../check.ts'
import { isArchived } from '../readings/crash-loss.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { dataServers, infoFact, infoNumber, isPrimary, keyCount, settingFact } from '../readings/reading.ts'
import { lastDump, persists } from '../readings/snapshots.ts'
import { formatCount, formatDuration } from '../../lib/units.ts'

export default {
  asks: 'Is there data that was never written anywhere?',

  lookAtAll(evidence) {
    if (evidence.deployment.dataClass === 'cache' || isArchived(evidence)) return []
    const servers = dataServers(evidence)
    return servers
      .filter((server) => isPrimary(server) && isInMemoryAlone(server))
      .filter((primary) => servers.every((server) => !belongs(server, primary) || persists(server) === false))
      .map((primary) => found(primary, evidence))
  },
} satisfies DeploymentCheck

function belongs({ id, primary, shard }: ServerEvidence, of: ServerEvidence): boolean {
  return id === of.id || primary === of.id || (shard !== undefined && shard === of.shard)
}

/** There are keys, and neither a file of now nor one of before holds them. */
function isInMemoryAlone(server: ServerEvidence): boolean {
  const keys = keyCount(server)
  if (keys === undefined || keys === 0 || persists(server) !== false) return false
  return lastDump(server) === undefined && !hasSaved(server)
}

/** INFO's time of the last save is the start of the process while nothing was saved. Source: initServer, src/server.c */
function hasSaved(server: ServerEvidence): boolean {
  const [saved, now, uptime] = ['rdb_last_save_time', 'server_time_usec', 'uptime_in_seconds'].map((field) =>
    infoNumber(server, field),
  )
  const loaded = infoNumber(server, 'rdb_last_load_keys_loaded') ?? 0
  if (saved === undefined || now === undefined || uptime === undefined) return true // not known: say nothing
  return loaded > 0 || saved > now / 1e6 - uptime + 2
}

function found(server: ServerEvidence, { backups, takenAt }: Evidence): Found {
  const base = backups?.lastBaseAt
  const archived =
    base === undefined
      ? ''
      : ` The last base in the archive is ${formatDuration(takenAt - base)} old, and its stream is behind.`
  return {
    kind: 'risk',
    severity: 'warning',
    server: server.id,
    says: `${formatCount(keyCount(server) ?? 0)} keys are in memory alone: there are no save points, no append-only file and no archive. A restart loses all of them.${archived}`,
    evidence: [
      settingFact(server, 'save'),
      infoFact(server, 'persistence', 'aof_enabled'),
      infoFact(server, 'persistence', 'rdb_last_save_time'),
      ...dirFacts(server),
    ],
    ruledOut: [{ check: 'save-overdue', by: 'there is no earlier snapshot either' }],
    alerts: ['RedisMissingBackup'],
    actions: [
      { id: 'back-up-now', why: 'takes all of it without a change to the server' },
      { id: 'enable-aof', why: 'then at most a second or two of writes is lost' },
      { id: 'save-now', why: 'one snapshot is better than none' },
    ],
  }
}

function dirFacts({ disk }: ServerEvidence): Fact[] {
  return disk === undefined ? [] : [{ source: 'disk', name: disk.path, value: 'no snapshot lies there' }]
}
