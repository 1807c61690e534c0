// The snapshot's file cannot be made: the folder belongs to somebody else, is mounted read-only, or is gone. What is in
// memory is then the only copy, and a restart loses it.

import type { Fact, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { settingFact } from '../readings/reading.ts'
import { ofSaveFailure } from '../readings/save-failure.ts'

export default {
  asks: 'Did the last snapshot fail because its folder cannot be written?',

  look(server, evidence) {
    return ofSaveFailure('rdb-dir-not-writable', server, evidence, ({ why }) => ({
      says: `The last snapshot failed because its folder cannot be written${why === '' ? '' : ` (${why})`}.${stateOf(server)}`,
      evidence: [settingFact(server, 'dir'), ...folderFacts(server)],
      ruledOut: [
        { check: 'rdb-disk-full', by: why === '' ? 'the folder itself refuses' : 'the error is not about room' },
        { check: 'rdb-fork-failed', by: why === '' ? 'a child has ended before' : 'the child ran: it wrote the line' },
        { check: 'rdb-child-killed', by: 'the child ended by itself' },
      ],
      actions: [
        { id: 'back-up-now', why: 'memory is the only copy: do not restart before there is another' },
        { id: 'repair-data-dir', why: "gives the folder to the server's user again; of no help on a read-only mount" },
        { id: 'save-now', why: 'once it can be written, a snapshot that succeeds lifts the refusal of writes' },
      ],
    }))
  },
} satisfies ServerCheck

function stateOf({ disk, process }: ServerEvidence): string {
  if (disk === undefined) return ''
  if (!disk.exists) return ` ${disk.path} does not exist.`
  if (disk.readOnly) return ` ${disk.mountPoint} is mounted read-only.`
  if (disk.serverMayWrite !== false) return ` ${disk.path} can be written now.`
  return ` ${disk.path} belongs to uid ${disk.owner} with mode ${modeText(disk.mode)}, and the server runs as uid ${process?.uid ?? '?'}.`
}

function folderFacts({ disk }: ServerEvidence): Fact[] {
  if (disk === undefined) return []
  const mount = `on ${disk.mountType} at ${disk.mountPoint}${disk.readOnly ? ', read-only' : ''}`
  const value = disk.exists
    ? `owner ${disk.owner}:${disk.group}, mode ${modeText(disk.mode)}, ${mount}`
    : 'is not there'
  return [{ source: 'disk', name: disk.path, value }]
}

function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
