// What would be lost right now, whatever the fault: what stands in no file when a primary dies and comes back, what no
// replica has when it is failed over, and how old the last backup is that is known to be good. A pure function of the
// evidence; what was not seen is left out and never counted as safe.

import { formatBytes, formatCount, formatDuration } from '../lib/units.ts'
import { readsAppendOnlyAtStart } from './readings/append-only-at-start.ts'
import { bySavePoints, crashLoss } from './readings/crash-loss.ts'
import type { BackupsSeen, Evidence, ServerEvidence } from './evidence.ts'
import { dataServers, infoNumber, infoText, isPrimary, keyCount } from './readings/reading.ts'
import { listedBy } from './readings/replication-links.ts'
import { hasAppendOnlyFile, lastDump, persists, savePoints } from './readings/snapshots.ts'

export interface AtRisk {
  readonly servers: readonly ServerAtRisk[] // primaries that answer and hold data
  readonly backup?: BackupAge | undefined // absent: there is no archive, as far as is known
  readonly says: readonly string[] // the same as sentences, and what the namespaces say of a loss; [] when nothing is known
}

/** Of one primary. Absent fields were not seen. */
export interface ServerAtRisk {
  readonly server: string
  readonly keysInMemoryAlone?: number | undefined // all of them: nothing is ever written
  readonly unsavedChanges?: number | undefined // since the last snapshot, where nothing else holds them
  readonly unsavedSeconds?: number | undefined // the oldest of them is at most so old
  readonly unwrittenBytes?: number | undefined // that wait for an append-only file that cannot be written
  readonly replica?: string | undefined // the one that has most; absent: there is none
  readonly behindBytes?: number | undefined // of that one
  readonly behindSeconds?: number | undefined
}

export interface BackupAge {
  readonly verifiedSeconds?: number | undefined // since the last base was read back
  readonly baseSeconds?: number | undefined // the newest base
  readonly lagSeconds?: number | undefined // of the stream
}

export function atRisk(evidence: Evidence): AtRisk {
  const servers = dataServers(evidence)
    .filter((server) => server.info !== undefined && isPrimary(server) && (keyCount(server) ?? 0) > 0)
    .map((server) => ofServer(server, evidence))
  const backup = backupAge(evidence.backups, evidence.takenAt)
  if (servers.length === 0) return { servers, backup, says: [] }
  const says = servers.flatMap((server) => [
    restartWords(server, evidence),
    settingsWords(server, evidence),
    failoverWords(server),
  ])
  const words = [...says, backupWords(backup, evidence), lossWords(evidence)]
  return { servers, backup, says: words.filter((each) => each !== undefined) }
}

function ofServer(server: ServerEvidence, evidence: Evidence): ServerAtRisk {
  return { server: server.id, ...inFiles(server), ...onReplicas(server, evidence) }
}

function inFiles(server: ServerEvidence): Partial<ServerAtRisk> {
  const isKept = hasAppendOnlyFile(server) === true && readsAppendOnlyAtStart(server)
  if (isKept)
    return infoText(server, 'aof_last_write_status') === 'err'
      ? { unwrittenBytes: infoNumber(server, 'aof_buffer_length') }
      : {}
  const changes = infoNumber(server, 'rdb_changes_since_last_save')
  const [saved, now] = [infoNumber(server, 'rdb_last_save_time'), infoNumber(server, 'server_time_usec')]
  const isNowhere =
    (persists(server) === false || (hasAppendOnlyFile(server) === true && !isKept)) &&
    server.disk !== undefined &&
    lastDump(server) === undefined
  return {
    ...(isNowhere ? { keysInMemoryAlone: keyCount(server) } : {}),
    ...(changes === undefined ? {} : { unsavedChanges: changes }),
    ...(changes === undefined || changes === 0 || saved === undefined || now === undefined
      ? {}
      : { unsavedSeconds: Math.max(0, Math.round(now / 1e6 - saved)) }),
  }
}

/** The replica that lacks least: a failover would choose it. */
function onReplicas(server: ServerEvidence, { servers }: Evidence): Partial<ServerAtRisk> {
  const written = infoNumber(server, 'master_repl_offset')
  const [best] = listedBy(server)
    .filter(({ state }) => state === 'online')
    .toSorted((a, b) => b.offset - a.offset)
  if (best === undefined || written === undefined) return {}
  const lag = servers.find(({ id }) => id === best.id)?.lagSeconds
  return {
    replica: best.id,
    behindBytes: Math.max(0, written - best.offset),
    ...(lag === undefined ? {} : { behindSeconds: lag }),
  }
}

function backupAge(backups: BackupsSeen | undefined, takenAt: number): BackupAge | undefined {
  if (backups === undefined) return undefined
  const seconds = (at: number | undefined): number | undefined =>
    at === undefined ? undefined : Math.max(0, Math.round((takenAt - at) / 1_000))
  return {
    verifiedSeconds: seconds(backups.verifiedAt),
    baseSeconds: seconds(backups.lastBaseAt),
    lagSeconds: backups.lagSeconds,
  }
}

function restartWords(risk: ServerAtRisk, { servers }: Evidence): string | undefined {
  const { server, keysInMemoryAlone, unsavedChanges, unsavedSeconds, unwrittenBytes } = risk
  const begin = `If ${server} dies now and comes back`
  if (keysInMemoryAlone !== undefined) return `${begin}: all ${formatCount(keysInMemoryAlone)} keys are lost.`
  if (unwrittenBytes !== undefined)
    return `${begin}: ${formatBytes(unwrittenBytes)} of writes that its append-only file could not take are lost.`
  if (unsavedChanges !== undefined && unsavedChanges > 0)
    return `${begin}: ${formatCount(unsavedChanges)} changes are lost${unsavedSeconds === undefined ? '' : `, up to ${formatDuration(unsavedSeconds * 1_000)} old`}.`
  if (unsavedChanges === 0) return `${begin}: no change is lost.`
  const loss = crashLossOf(server, servers)
  return loss === undefined ? undefined : `${begin}: ${loss}.`
}

/** What its save points would cost at the worst moment; said where `restartWords` says what they cost now. */
function settingsWords(
  { server, keysInMemoryAlone, unsavedChanges }: ServerAtRisk,
  { servers }: Evidence,
): string | undefined {
  const seen = servers.find(({ id }) => id === server)
  const points = seen === undefined ? undefined : savePoints(seen)
  if (keysInMemoryAlone !== undefined || unsavedChanges === undefined || points === undefined) return undefined
  return `By its save points a crash of ${server} may cost: ${bySavePoints(points).says}.`
}

function crashLossOf(id: string, servers: readonly ServerEvidence[]): string | undefined {
  const server = servers.find((one) => one.id === id)
  return server === undefined ? undefined : crashLoss(server)?.says
}

function failoverWords({ server, replica, behindBytes, behindSeconds }: ServerAtRisk): string | undefined {
  if (replica === undefined || behindBytes === undefined) return undefined
  const age = behindSeconds === undefined ? '' : ` (${formatDuration(behindSeconds * 1_000)})`
  return `If ${server} dies and ${replica} takes over: ${formatBytes(behindBytes)}${age} of writes are lost.`
}

function backupWords(backup: BackupAge | undefined, { deployment }: Evidence): string | undefined {
  if (backup === undefined) return deployment.dataClass === 'cache' ? undefined : 'Respite knows of no backup of it.'
  const { verifiedSeconds, lagSeconds } = backup
  const verified =
    verifiedSeconds === undefined
      ? 'No base of the archive was ever read back'
      : `A base was last read back whole ${formatDuration(verifiedSeconds * 1_000)} ago`
  return lagSeconds === undefined ? `${verified}.` : `${verified}; ${lagWords(lagSeconds)}.`
}

function lagWords(lagSeconds: number): string {
  if (lagSeconds === 0) return 'every write since is in the store'
  return `the archive is ${formatDuration(lagSeconds * 1_000)} behind`
}

/** What a loss means, in the words of whoever wrote the configuration. */
function lossWords({ deployment }: Evidence): string | undefined {
  const words = deployment.namespaces.flatMap(({ name, loss }) => (loss === undefined ? [] : [`${name}: ${loss}`]))
  return words.length === 0 ? undefined : `What a loss means: ${words.join('; ')}.`
}
