// Snapshots that come too seldom for what may be lost. Either changes wait for longer than they should, or the settings
// let them wait for longer than the declared rpo allows: that is said before anything is lost.

import { formatCount, formatDuration } from '../../lib/units.ts'
import type { Answered, Found, ServerCheck } from '../check.ts'
import { crashLoss, isArchived, waitSeconds } from '../readings/crash-loss.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoFact, infoNumber, infoText, isPrimary, keyCount, settingFact } from '../readings/reading.ts'
import { hasAppendOnlyFile, lastDump, persists, savePoints } from '../readings/snapshots.ts'

export default {
  asks: 'Do changes wait too long for a snapshot, or may they, by the settings?',

  look(server, evidence) {
    if (evidence.deployment.dataClass === 'cache' || server.info === undefined || !isPrimary(server)) return undefined
    if (isArchived(evidence)) return undefined
    const replicas = evidence.servers.filter(({ primary, linkUp, info }) => primary === server.id && linkUp && info)
    return overdue(server, replicas, evidence) ?? cannotKeep(server, replicas, evidence)
  },
} satisfies ServerCheck

const USUAL_RPO_MS = 24 * 3_600_000 // where none is declared, as the rule RedisMissingBackup has it
const SLACK = 2 // a snapshot that is due has to wait for another child, and takes its time

const ALERT: Pick<Found, 'alerts'> = { alerts: ['RedisMissingBackup'] }

/** A replica that follows holds the same changes: what stands in its files is not lost. */
function overdue(server: ServerEvidence, replicas: readonly ServerEvidence[], { deployment }: Evidence): Answered {
  const changes = infoNumber(server, 'rdb_changes_since_last_save') ?? 0
  const saved = infoNumber(server, 'rdb_last_save_time')
  const now = infoNumber(server, 'server_time_usec')
  const isBusy = infoText(server, 'rdb_bgsave_in_progress') !== '0' || infoText(server, 'loading') === '1'
  const isFailing = infoText(server, 'rdb_last_bgsave_status') !== 'ok' // then that is what is told
  if (changes === 0 || saved === undefined || now === undefined || isBusy || isFailing) return undefined
  if (hasAppendOnlyFile(server) !== false) return undefined
  const ageSeconds = now / 1e6 - saved
  const dueSeconds = waitSeconds(savePoints(server) ?? [], changes) ?? Infinity
  const { rpoMs = USUAL_RPO_MS } = deployment
  const isLate = ageSeconds > SLACK * dueSeconds + 60
  if (replicas.some((replica) => (unsavedSeconds(replica) ?? Infinity) * 1_000 <= rpoMs)) return undefined
  if (!isLate && ageSeconds * 1_000 <= rpoMs) return undefined
  const because = isLate
    ? `by its save points a snapshot was due after ${formatDuration(dueSeconds * 1_000)}`
    : `${formatDuration(rpoMs)} is what may be lost${deployment.rpoMs === undefined ? ' where nothing is declared' : ''}`
  return {
    kind: 'risk',
    severity: 'warning',
    says: `${formatCount(changes)} changes stand in no file, the oldest up to ${formatDuration(ageSeconds * 1_000)} old; ${because}.`,
    evidence: [
      infoFact(server, 'persistence', 'rdb_changes_since_last_save'),
      infoFact(server, 'persistence', 'rdb_last_save_time'),
      infoFact(server, 'persistence', 'rdb_last_bgsave_status'),
      settingFact(server, 'save'),
    ],
    ruledOut: [
      { check: 'rdb-disk-full', by: 'the last snapshot succeeded' },
      { check: 'rdb-save-stuck', by: 'none is under way' },
    ],
    ...ALERT,
    actions: [
      { id: 'save-now', why: 'after a look at memory and disk' },
      { id: 'back-up-now', why: 'takes all of it without a change to the server' },
      { id: 'enable-aof', why: 'then at most a second or two of writes is lost' },
    ],
  }
}

/** How old the oldest change may be that stands in no file of this server; undefined where that was not said. */
function unsavedSeconds(server: ServerEvidence): number | undefined {
  if (hasAppendOnlyFile(server) === true && infoText(server, 'aof_last_write_status') === 'ok') return 0
  if (infoNumber(server, 'rdb_changes_since_last_save') === 0) return 0
  const [saved, now] = [infoNumber(server, 'rdb_last_save_time'), infoNumber(server, 'server_time_usec')]
  return saved === undefined || now === undefined ? undefined : now / 1e6 - saved
}

/** Said of a declared rpo alone: what nobody wrote down, nobody promised. */
function cannotKeep(
  server: ServerEvidence,
  replicas: readonly ServerEvidence[],
  { deployment, backups }: Evidence,
): Answered {
  const { rpoMs } = deployment
  const loss = crashLoss(server)
  if (rpoMs === undefined || loss === undefined || loss.worstMs <= rpoMs) return undefined
  if (replicas.some((replica) => (crashLoss(replica)?.worstMs ?? Infinity) <= rpoMs)) return undefined
  if (persists(server) !== true && lastDump(server) === undefined) return undefined // never-saved tells that
  if ((keyCount(server) ?? 0) === 0) return undefined
  const lag = backups?.lagSeconds
  const archive = lag === undefined ? '' : ` The archive is ${formatDuration(lag * 1_000)} behind.`
  return {
    kind: 'risk',
    severity: 'warning',
    says: `The declared rpo of ${formatDuration(rpoMs)} cannot be kept: ${loss.says}.${archive}`,
    evidence: [...loss.evidence, infoFact(server, 'persistence', 'rdb_changes_since_last_save')],
    ...ALERT,
    actions:
      hasAppendOnlyFile(server) === true
        ? [{ id: 'back-up-now', why: 'an archive that follows the stream keeps less than a second' }]
        : [
            { id: 'enable-aof', why: 'then at most a second or two of writes is lost' },
            { id: 'back-up-now', why: 'an archive that follows the stream needs no change to the server' },
          ],
  }
}
