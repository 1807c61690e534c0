// A snapshot that found no room. The server takes its half-written file away again, so that the disk may look empty
// afterwards: what counts is the room that the next snapshot needs, and what the child said when it failed.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { infoFact, infoNumber, infoText, lastLogged, logFact } from '../reading.ts'

const NO_ROOM = /rdb.*No space left on device|No space left on device.*rdb/is

export default {
  asks: 'Did the last snapshot fail because the disk was full?',

  look(server, evidence) {
    if (infoText(server, 'rdb_last_bgsave_status') !== 'err') return undefined
    const said = lastLogged(server, evidence, NO_ROOM, { sinceStart: true })
    if (said === undefined) return undefined
    const { disk } = server
    const needed = infoNumber(server, 'used_memory_dataset') ?? 0
    const room =
      disk === undefined
        ? ''
        : ` ${formatBytes(disk.freeBytes)} are free now at ${disk.path}, and the data takes ${formatBytes(needed)} of memory.`
    return {
      kind: 'fault',
      severity: 'critical',
      says: `The last snapshot failed because the disk was full.${room}`,
      evidence: [
        infoFact(server, 'persistence', 'rdb_last_bgsave_status'),
        logFact(said),
        ...(disk === undefined
          ? []
          : [
              {
                source: 'disk',
                name: disk.path,
                value: `${formatBytes(disk.freeBytes)} of ${formatBytes(disk.totalBytes)} free`,
              },
            ]),
      ],
      ruledOut: [
        { check: 'rdb-fork-failed', by: 'the child ran: it wrote the line of the log' },
        { check: 'rdb-dir-not-writable', by: 'the file could be opened, and the error is about room' },
        { check: 'rdb-child-killed', by: 'the child ended by itself' },
      ],
      alerts: ['RedisMissingBackup', 'PersistenceFailure', 'WritesRefused', 'RedisDown'],
      brings: ['save-overdue', 'never-saved'],
      actions: [
        { id: 'back-up-now', why: 'the newest data is in memory alone' },
        { id: 'remove-stale-temp-files', why: 'temp-*.rdb of snapshots that died take room' },
        { id: 'save-now', why: 'once there is room, a snapshot that succeeds lifts the refusal of writes' },
        { id: 'pause-persistence', why: 'only when no room can be made and writes must go on' },
      ],
    }
  },
} satisfies ServerCheck
