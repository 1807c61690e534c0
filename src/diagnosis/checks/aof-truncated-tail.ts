// The append-only file ends in the middle of a command, as a power cut leaves it. By its settings the server cuts that end
// off and starts without it, or refuses to start. Either way some of the last writes are gone, and nobody counts them.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import type { Answered, ServerCheck } from '../check.ts'
import { endedWith, fileFacts, fileNamed } from '../readings/ended-by-its-files.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { lastRun, lastWords } from '../readings/last-run.ts'
import { infoNumber, logFact } from '../readings/reading.ts'

// loadSingleAppendOnlyFile of src/aof.c.
const REFUSED = /Unexpected end of file reading the append only file (\S+?)\.? /
const CUT = /^!!! Truncating the AOF (?:(\S+) )?at offset (\d+) !!!/
const NEWS_MS = 3_600_000

export default {
  asks: 'Does the append-only file end in the middle of a command?',
  look: (server, evidence) => refused(server) ?? wasCut(server, evidence),
} satisfies ServerCheck

function refused(server: ServerEvidence): Answered {
  const words = lastWords(server, REFUSED)
  if (words === undefined) return undefined
  const name = words.match[1] ?? 'the append-only file'
  const file = fileNamed(server, name)
  return endedWith(words, server, {
    says: `${server.id} does not start: ${name}${file === undefined ? '' : ` (${formatBytes(file.bytes)})`} ends in the middle of a command, and aof-load-truncated is no. All before that command can be read.`,
    evidence: fileFacts(file),
    ruledOut: [{ check: 'aof-corrupt', by: 'what could be read is well: it only ends too soon' }],
    actions: [
      {
        id: 'start-server',
        why: 'after a copy of the folder and redis-check-aof --fix on its manifest, which cuts the last command off; or with aof-load-truncated yes',
      },
    ],
  })
}

/** It has started and cut the end off. News for an hour: later it is the history of a server that is well. */
function wasCut(server: ServerEvidence, { takenAt }: Evidence): Answered {
  const uptime = infoNumber(server, 'uptime_in_seconds')
  const entry = lastRun(server).findLast(({ text }) => CUT.test(text))
  if (uptime === undefined || uptime * 1_000 > NEWS_MS || entry === undefined) return undefined
  const [, name = 'the append-only file', offset] = CUT.exec(entry.text) ?? []
  const ago = entry.at === undefined ? '' : `, ${formatDuration(takenAt - entry.at)} ago`
  return {
    kind: 'fault',
    severity: 'warning',
    says: `At its start${ago} the server cut the end of ${name} off at byte ${offset}: it ended in the middle of a command, and the last writes before it went down are lost.`,
    evidence: [logFact(entry), ...fileFacts(fileNamed(server, name))],
    ruledOut: [
      { check: 'aof-corrupt', by: 'only the end was cut: what stands before it could be read' },
      { check: 'mass-deletion', by: 'nobody removed keys: the file ended too soon' },
    ],
    actions: [{ id: 'back-up-now', why: 'it holds what is there now, to compare with what there was' }],
  }
}
