// A server with an append-only file loads that and nothing else. A dump.rdb that was put into its folder is passed over
// without a word, and where there was no append-only file yet, the server starts empty: the restore looks as if it had
// brought nothing.

import { formatBytes, formatCount } from '../../lib/units.ts'
import type { Answered, ServerCheck } from '../check.ts'
import { fileFacts } from '../readings/ended-by-its-files.ts'
import type { FileSeen, ServerEvidence } from '../evidence.ts'
import { lastRun, showsStart } from '../readings/last-run.ts'
import { keyCount, logFact, settingFact } from '../readings/reading.ts'
import { hasAppendOnlyFile, lastDump } from '../readings/snapshots.ts'

const CREATED = /^Creating AOF base file (\S+) on server start/ // aofOpenIfNeededOnServerStart of src/aof.c, since 7.0
const EMPTY_BYTES = 200 // a snapshot without keys: 89 to 180 bytes

export default {
  asks: 'Did the server pass over the dump.rdb in its folder?',
  look: (server) => passedOver(server) ?? willPassOver(server),
} satisfies ServerCheck

function passedOver(server: ServerEvidence): Answered {
  const dump = dumpWithKeys(server)
  if (dump === undefined || hasAppendOnlyFile(server) !== true) return undefined
  const created = lastRun(server).find(({ text }) => CREATED.test(text))
  // By the log, for the server tells its start in whole seconds: a dump may have been put there just before.
  const startedMs = showsStart(server) ? created?.at : undefined
  if (created === undefined || startedMs === undefined || dump.modifiedMs > startedMs) return undefined
  return {
    kind: 'fault',
    severity: 'critical',
    says: `${dump.name} (${formatBytes(dump.bytes)}) was passed over: with appendonly yes the server loads its append-only file alone, there was none, and it started empty. It has ${formatCount(keyCount(server) ?? 0)} keys now.`,
    evidence: [logFact(created), ...fileFacts(dump), settingFact(server, 'appendonly')],
    ruledOut: [
      { check: 'mass-deletion', by: 'nothing was deleted: it began with nothing' },
      { check: 'rdb-corrupt', by: 'the file was not even opened' },
    ],
    alerts: ['RedisDataRemoved', 'RedisMissingBackup'],
    brings: ['primary-restarted-empty', 'mass-deletion', 'never-saved', 'save-overdue'],
    actions: [
      { id: 'back-up-now', why: 'what was written since is in this server alone' },
      {
        id: 'restart-server',
        why: 'with appendonly no, so that dump.rdb is loaded; then switch it on again at run time (enable-aof). Keep a copy of dump.rdb first',
      },
    ],
  }
}

/** Its file says appendonly yes and it runs without: the next start passes over everything that it has saved. */
function willPassOver(server: ServerEvidence): Answered {
  const { conf, disk } = server
  if (hasAppendOnlyFile(server) !== false || conf?.directives['appendonly'] !== 'yes' || disk === undefined)
    return undefined
  if ((keyCount(server) ?? 0) === 0) return undefined
  const old = disk.files.filter(({ name }) => name.endsWith('.aof') || name.includes('.aof.'))
  const instead = old.length === 0 ? 'begins empty' : `loads an old append-only file, written ${lastWritten(old)}`
  return {
    kind: 'risk',
    severity: 'critical',
    says: `The next start ${instead}: ${conf.path} says appendonly yes, and the server runs without and saves snapshots that such a start does not read.`,
    evidence: [
      { source: conf.path, name: 'appendonly', value: 'yes' },
      settingFact(server, 'appendonly'),
      ...fileFacts(lastDump(server)),
    ],
    alerts: ['RedisMissingBackup'],
    brings: ['config-drift'],
    actions: [
      { id: 'enable-aof', why: 'then the append-only file holds what is in memory, and the next start finds it' },
      { id: 'back-up-now', why: 'before anything is started again' },
    ],
  }
}

function dumpWithKeys(server: ServerEvidence): FileSeen | undefined {
  const dump = lastDump(server)
  return dump === undefined || dump.bytes < EMPTY_BYTES ? undefined : dump
}

function lastWritten(files: readonly FileSeen[]): string {
  return new Date(Math.max(...files.map(({ modifiedMs }) => modifiedMs))).toISOString()
}
