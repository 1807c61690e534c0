// Why the last snapshot failed. Four faults look the same to a client (MISCONF) and in INFO: the disk is full, the folder
// cannot be written, the kernel refused the fork, or the child was killed. The server's log tells them apart, and where
// it cannot be read, what was seen of the folder and the counters may; where that does not either, it stays a doubt.
//
// Lines of the log: rdbSave, rdbSaveBackground and backgroundSaveDoneHandlerDisk of src/rdb.c, Redis 6.2 to 8.

import { formatBytes } from '../../lib/units.ts'
import type { Answered, Fact, Found, RuledOut, Severity, Undecided } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { lastRun } from './last-run.ts'
import { infoFact, infoNumber, infoText, logFact, type LogEntrySeen } from './reading.ts'
import { datasetBytes, lastDump } from './snapshots.ts'

export type SaveFailureId = 'rdb-disk-full' | 'rdb-fork-failed' | 'rdb-dir-not-writable' | 'rdb-child-killed'

const IDS: readonly SaveFailureId[] = ['rdb-disk-full', 'rdb-fork-failed', 'rdb-dir-not-writable', 'rdb-child-killed']

// The append-only file lies in the same folder: what keeps the one from being written keeps the other, too.
const OF_THE_DISK: ReadonlySet<SaveFailureId> = new Set(['rdb-disk-full', 'rdb-dir-not-writable'])

/** What is known of the failure. `why`: the errno in words, or "signal 9"; '' where no log line says it. */
export interface SaveFailure {
  readonly check: SaveFailureId
  readonly why: string
  readonly evidence: readonly Fact[]
}

interface Doubt {
  readonly between: readonly SaveFailureId[]
  readonly says: string
}

/** The part of the answer that each of the four has to itself. */
export type Explained = Pick<Found, 'says' | 'evidence' | 'actions'> & { readonly ruledOut: readonly RuledOut[] }

/** The answer of one of the four checks: what it explains, when this failure is its own; the doubt is said by one of them. */
export function ofSaveFailure(
  check: SaveFailureId,
  server: ServerEvidence,
  evidence: Evidence,
  explain: (failure: SaveFailure) => Explained,
): Answered {
  const failure = saveFailure(server)
  if (failure === undefined) return undefined
  if ('between' in failure) return failure.between[0] === check ? doubted(failure) : undefined
  if (failure.check !== check) return undefined
  const own = explain(failure)
  return {
    kind: 'fault',
    severity: severityOf(server, evidence),
    ...own,
    evidence: [infoFact(server, 'persistence', 'rdb_last_bgsave_status'), ...failure.evidence, ...own.evidence],
    alerts: ['PersistenceFailure', 'WritesRefused', 'RedisMissingBackup', 'RedisDown'],
    brings: ['save-overdue', 'never-saved', 'aof-rewrite-loop', ...(OF_THE_DISK.has(check) ? ['aof-write-error'] : [])],
  }
}

/** A replica that cannot save costs redundancy; of a cache nothing is lost until it refuses writes. */
function severityOf({ role, answer }: ServerEvidence, { deployment }: Evidence): Severity {
  if (answer.id === 'misconf') return 'critical'
  return role === 'replica' || deployment.dataClass === 'cache' ? 'warning' : 'critical'
}

function saveFailure(server: ServerEvidence): SaveFailure | Doubt | undefined {
  if (infoText(server, 'rdb_last_bgsave_status') !== 'err') return undefined
  return fromLog(server) ?? fromElsewhere(server)
}

const FORK = /^Can't save in background: fork: (.+)$/
const SIGNAL = /^Background saving terminated by (signal \d+)/
const WRITE =
  /^(?:Write error (?:while )?saving DB (?:on|to the) disk|Failed opening the (?:temp )?RDB file|Error moving temp DB file|Failed to fsync directory while saving DB).*: (.+)$/

const ERRNOS: readonly (readonly [RegExp, SaveFailureId])[] = [
  [/No space left on device|Disk quota exceeded/, 'rdb-disk-full'],
  [
    /Permission denied|Read-only file system|No such file|Not a directory|not permitted|Input\/output error|Stale/,
    'rdb-dir-not-writable',
  ],
]

/** The last line that says why; what came before it is the failure of an earlier attempt. */
function fromLog(server: ServerEvidence): SaveFailure | Doubt | undefined {
  for (const entry of lastRun(server).toReversed()) {
    const { text } = entry
    const fork = FORK.exec(text)
    const signal = SIGNAL.exec(text)
    const write = WRITE.exec(text)
    if (fork !== null) return said('rdb-fork-failed', fork, entry)
    if (signal !== null) return said('rdb-child-killed', signal, entry)
    if (write === null) continue
    const [, id] = ERRNOS.find(([errno]) => errno.test(write[1] ?? '')) ?? []
    if (id !== undefined) return said(id, write, entry)
    return {
      between: ['rdb-disk-full', 'rdb-dir-not-writable'],
      says: `The last snapshot could not be written: ${write[1]}.`,
    }
  }
  return undefined
}

function said(check: SaveFailureId, match: RegExpExecArray, entry: LogEntrySeen): SaveFailure {
  return { check, why: match[1] ?? '', evidence: [logFact(entry)] }
}

/** Without the line of the log: what proves one of them all the same, or rules some of them out. */
function fromElsewhere(server: ServerEvidence): SaveFailure | Doubt {
  const { disk, kernel } = server
  // No child has ever ended, and the status is bad: there never was a child. Source: rdbSaveBackground, src/rdb.c
  if (infoNumber(server, 'rdb_last_bgsave_time_sec') === -1)
    return {
      check: 'rdb-fork-failed',
      why: '',
      evidence: [infoFact(server, 'persistence', 'rdb_last_bgsave_time_sec')],
    }
  if (disk !== undefined && (disk.readOnly || !disk.exists || disk.serverMayWrite === false))
    return { check: 'rdb-dir-not-writable', why: '', evidence: [] }
  const room = roomNeeded(server)
  if (disk !== undefined && room !== undefined && disk.freeBytes < room)
    return { check: 'rdb-disk-full', why: '', evidence: [] }
  const killed = kernel?.oomKills.findLast((line) => /(?:redis|valkey)-rdb-bg/.test(line))
  if (killed !== undefined)
    return {
      check: 'rdb-child-killed',
      why: 'signal 9',
      evidence: [{ source: 'kernel log', name: 'Killed process', value: killed }],
    }
  const isRoomy = disk !== undefined && room !== undefined && disk.freeBytes > 2 * room
  const excluded = new Set<SaveFailureId>([
    ...(isRoomy ? (['rdb-disk-full'] as const) : []),
    ...(disk?.serverMayWrite === true ? (['rdb-dir-not-writable'] as const) : []),
  ])
  return {
    between: IDS.filter((id) => !excluded.has(id)),
    says: 'The last snapshot failed, and no line of the log says why.',
  }
}

/** At least so much: as the last snapshot took, or where there is none, a tenth of the data in memory. */
function roomNeeded(server: ServerEvidence): number | undefined {
  const dump = lastDump(server)
  if (dump !== undefined) return dump.bytes
  const dataset = datasetBytes(server)
  return dataset === undefined ? undefined : dataset / 10
}

function doubted({ between, says }: Doubt): Undecided {
  return {
    between,
    says,
    wouldTell:
      "the server's log: grep -E 'fork:|saving|RDB file' LOG | tail; name it with --log FILE, or run Respite on its machine",
  }
}

/** The room at `dir` as a fact; [] where it was not seen. */
export function roomFacts({ disk }: ServerEvidence): Fact[] {
  if (disk === undefined) return []
  const value = `${formatBytes(disk.freeBytes)} of ${formatBytes(disk.totalBytes)} free`
  return [{ source: 'disk', name: disk.path, value }]
}
