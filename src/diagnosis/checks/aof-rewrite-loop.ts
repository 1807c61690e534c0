// The append-only file cannot be rewritten, so that it grows without end. Nothing refuses anything meanwhile: nobody
// notices until the disk is full. Each failure makes one more incremental file.

import { formatBytes } from '../../lib/units.ts'
import type { Found, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { lastRun } from '../readings/last-run.ts'
import { infoFact, infoNumber, infoText, logFact } from '../readings/reading.ts'
import { roomFacts } from '../readings/save-failure.ts'

// rewriteAppendOnlyFile, rewriteAppendOnlyFileBackground and backgroundRewriteDoneHandler of src/aof.c, 6.2 to 8.
const FAILED =
  /^(?:Write error writing append only file on disk|Opening the temp file for AOF rewrite in rewriteAppendOnlyFile\(\)|Can't rewrite append only file in background: fork|Error moving temp append only file on the final destination|Error trying to rename the temporary AOF(?: base)? file.*|Background AOF rewrite terminated by)(?:: | )(.+)$/

export default {
  asks: 'Do rewrites of the append-only file fail again and again?',

  look(server) {
    if (infoText(server, 'aof_last_bgrewrite_status') !== 'err') return undefined
    const times = infoNumber(server, 'aof_rewrites_consecutive_failures') // since 7.0
    const entry = lastRun(server).findLast(({ text }) => FAILED.test(text))
    const why = FAILED.exec(entry?.text ?? '')?.[1] ?? ''
    const bytes = infoNumber(server, 'aof_current_size')
    const often = times === undefined || times < 2 ? 'failed' : `failed ${times} times in a row`
    return {
      kind: 'fault',
      severity: 'warning',
      says: `Rewriting the append-only file ${often}${why === '' ? '' : ` (${why})`}. It ${bytes === undefined ? 'grows' : `takes ${formatBytes(bytes)} and grows`} until a rewrite succeeds or the disk is full.`,
      evidence: [
        infoFact(server, 'persistence', 'aof_last_bgrewrite_status'),
        ...(times === undefined ? [] : [infoFact(server, 'persistence', 'aof_rewrites_consecutive_failures')]),
        ...(entry === undefined ? [] : [logFact(entry)]),
        ...incrementalFiles(server),
        ...roomFacts(server),
      ],
      ruledOut: [
        { check: 'aof-write-error', by: `the file itself can be written: aof_last_write_status is ${writing(server)}` },
      ],
      alerts: ['PersistenceFailure', 'RedisMissingBackup'],
      actions: [
        { id: 'remove-stale-temp-files', why: 'temp-rewriteaof-* of rewrites that died take room' },
        { id: 'stop-rewrite-loop', why: 'when no room can be made soon: attempts cost memory and disk' },
        { id: 'back-up-now', why: 'before the disk is full' },
      ],
    }
  },
} satisfies ServerCheck

function writing(server: ServerEvidence): string {
  return infoText(server, 'aof_last_write_status') ?? 'not said'
}

function incrementalFiles({ disk }: ServerEvidence): Found['evidence'] {
  const files = (disk?.files ?? []).filter(({ name }) => name.endsWith('.incr.aof'))
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return files.length < 2
    ? []
    : [{ source: 'disk', name: 'incremental files', value: `${files.length}, ${formatBytes(bytes)} together` }]
}
