// A snapshot that found no room, or that will find none. The server takes its half-written file away again, so that the
// disk may look empty afterwards: what counts is the room that the next snapshot needs, and what the child said when it
// failed.

import { formatBytes } from '../../lib/units.ts'
import type { Answered, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { ofSaveFailure, roomFacts } from '../readings/save-failure.ts'
import { datasetBytes, lastDump, persists } from '../readings/snapshots.ts'

export default {
  asks: 'Did the last snapshot fail because the disk was full, or will the next one?',

  look(server, evidence) {
    const failed = ofSaveFailure('rdb-disk-full', server, evidence, () => ({
      says: `The last snapshot failed because the disk was full.${roomNow(server)}`,
      evidence: roomFacts(server),
      ruledOut: [
        { check: 'rdb-fork-failed', by: 'the child ran: writing failed, not starting' },
        { check: 'rdb-dir-not-writable', by: 'the file could be opened, and the error is about room' },
        { check: 'rdb-child-killed', by: 'the child ended by itself' },
      ],
      actions: [
        { id: 'back-up-now', why: 'the newest data is in memory alone' },
        { id: 'remove-stale-temp-files', why: 'temp-*.rdb of snapshots that died take room' },
        { id: 'save-now', why: 'once there is room, a snapshot that succeeds lifts the refusal of writes' },
        { id: 'pause-persistence', why: 'only when no room can be made and writes must go on' },
      ],
    }))
    return failed ?? willFill(server)
  },
} satisfies ServerCheck

function roomNow(server: ServerEvidence): string {
  const { disk } = server
  if (disk === undefined) return ''
  const dump = lastDump(server)
  const dataset = datasetBytes(server)
  const before = dump === undefined ? '' : `, the last good snapshot takes ${formatBytes(dump.bytes)}`
  const data = dataset === undefined ? '' : `, and the data takes ${formatBytes(dataset)} of memory`
  return ` ${formatBytes(disk.freeBytes)} are free now at ${disk.path}${before}${data}.`
}

const MARGIN = 1.2 // data grows until the next snapshot, which is written beside the last one

function willFill(server: ServerEvidence): Answered {
  const { disk } = server
  const dump = lastDump(server)
  if (disk === undefined || dump === undefined || persists(server) !== true) return undefined
  if (disk.freeBytes >= MARGIN * dump.bytes) return undefined
  return {
    kind: 'risk',
    severity: 'warning',
    says: `The next snapshot may not fit: ${formatBytes(disk.freeBytes)} are free at ${disk.path}, and the last one takes ${formatBytes(dump.bytes)}; both lie there for a moment.`,
    evidence: [...roomFacts(server), { source: 'disk', name: dump.name, value: formatBytes(dump.bytes) }],
    alerts: ['PersistenceFailure'],
    brings: ['aof-rewrite-loop'],
    actions: [{ id: 'remove-stale-temp-files', why: 'what died half-written takes room' }],
  }
}
