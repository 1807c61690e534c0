// The append-only file cannot be written: the server keeps what it could not write in memory, refuses writes, and tries
// again every second, so that it heals by itself once the disk takes something.

import type { Fact, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { lastRun } from '../readings/last-run.ts'
import { infoFact, infoText, logFact, severityOfLoss } from '../readings/reading.ts'
import { roomFacts } from '../readings/save-failure.ts'

// flushAppendOnlyFile of src/aof.c: the errno, or a short write, which it takes for a full disk.
const FAILED = /^(?:Error writing to the AOF file: (.+)|(Short write) while writing to the AOF file)/

export default {
  asks: 'Can the append-only file not be written?',

  look(server) {
    if (infoText(server, 'aof_last_write_status') !== 'err') return undefined
    const entry = lastRun(server).findLast(({ text }) => FAILED.test(text))
    const why = reasonOf(server, entry?.text)
    return {
      kind: 'fault',
      severity: severityOfLoss(server),
      says: `The append-only file cannot be written${why === '' ? '' : `: ${why}`}. Writes are refused, and what was not written yet waits in memory; the server tries again every second.`,
      evidence: [
        infoFact(server, 'persistence', 'aof_last_write_status'),
        infoFact(server, 'persistence', 'aof_buffer_length'),
        ...(entry === undefined ? answered(server) : [logFact(entry)]),
        ...roomFacts(server),
      ],
      ruledOut: [
        { check: 'rdb-disk-full', by: 'writes are refused for the append-only file, not for a snapshot' },
        { check: 'disk-stall', by: 'the disk answers, with an error' },
      ],
      alerts: ['PersistenceFailure', 'WritesRefused', 'RedisMissingBackup', 'RedisDown'],
      brings: ['aof-rewrite-loop', 'save-overdue'],
      actions: [
        { id: 'back-up-now', why: 'the newest data is in memory alone' },
        { id: 'remove-stale-temp-files', why: 'temp-*.rdb and temp-rewriteaof-* of what died take room' },
        { id: 'pause-persistence', why: 'only when no room can be made and writes must go on' },
      ],
    }
  },
} satisfies ServerCheck

const IN_REPLY = /^MISCONF Errors writing to the AOF file: (.+?)\.?$/

function reasonOf({ answer }: ServerEvidence, logged: string | undefined): string {
  const said = IN_REPLY.exec(answer.text ?? '')?.[1] // the newest: the log has a line only every thirty seconds
  if (said !== undefined) return said
  const [, errno, short] = FAILED.exec(logged ?? '') ?? []
  return errno ?? (short === undefined ? '' : 'no room for all of it')
}

function answered({ answer }: ServerEvidence): Fact[] {
  return answer.text === undefined ? [] : [{ source: 'the answer', name: 'to PING', value: answer.text }]
}
