// A primary that begins empty is a primary all the same: its replicas throw their data away to be like it. Within seconds
// the last copy is gone, and no process has failed. Where it can come to that it is said before: a primary that keeps
// nothing on disk, with replicas, and somebody who starts it again.

import { formatCount, formatDuration } from '../../lib/units.ts'
import type { DeploymentCheck, Fact, Found } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { lastRun, showsStart } from '../readings/last-run.ts'
import {
  dataServers,
  infoFact,
  infoNumber,
  infoText,
  isPrimary,
  keyCount,
  logFact,
  settingFact,
} from '../readings/reading.ts'
import { lastDump, persists } from '../readings/snapshots.ts'

export default {
  asks: 'Did a primary start empty, and its replicas with it, or could that happen at its next start?',

  lookAtAll(evidence) {
    return dataServers(evidence)
      .filter((server) => server.info !== undefined && isPrimary(server))
      .flatMap((primary) => {
        const replicas = evidence.servers.filter((server) => server.primary === primary.id)
        const found = startedEmpty(primary, replicas, evidence) ?? mayStartEmpty(primary, replicas, evidence)
        return found === undefined ? [] : [found]
      })
  },
} satisfies DeploymentCheck

const NEWS_SECONDS = 3_600

function startedEmpty(
  primary: ServerEvidence,
  replicas: readonly ServerEvidence[],
  evidence: Evidence,
): Found | undefined {
  const uptime = infoNumber(primary, 'uptime_in_seconds')
  const keys = keyCount(primary)
  if (uptime === undefined || uptime > NEWS_SECONDS || keys === undefined || !loadedNothing(primary)) return undefined
  const startedMs = evidence.takenAt - uptime * 1_000
  const before = keysBefore(primary, replicas, { evidence, startedMs })
  if (before === undefined) return undefined
  const holders = replicas.filter((replica) => (keyCount(replica) ?? 0) > keys)
  const isCache = evidence.deployment.dataClass === 'cache'
  return {
    kind: isCache ? 'advice' : 'fault',
    severity: isCache ? 'info' : 'critical',
    server: primary.id,
    says: `${primary.id} was started ${formatDuration(uptime * 1_000)} ago and began empty; before that there were ${formatCount(before.keys)} keys, now ${formatCount(keys)}.${onReplicas(replicas, holders)}`,
    evidence: [
      infoFact(primary, 'server', 'uptime_in_seconds'),
      infoFact(primary, 'persistence', 'rdb_last_load_keys_loaded'),
      before.fact,
      ...flushed(replicas, startedMs),
    ],
    ruledOut: [
      { check: 'mass-deletion', by: 'nobody removed keys: it began with none' },
      { check: 'wrong-database', by: 'INFO counts the keys of all databases' },
    ],
    alerts: ['RedisDataRemoved', 'RedisMissingBackup'],
    brings: ['never-saved', 'save-overdue', 'mass-deletion', 'full-resync-loop'],
    actions:
      holders.length === 0
        ? [{ id: 'back-up-now', why: 'what is there now; what was there is in the last backup or nowhere' }]
        : [
            { id: 'promote-replica', why: 'at once: it still has the data, and throws it away when it follows again' },
            { id: 'reattach-replica', why: 'afterwards: the server that began empty follows the one with the data' },
          ],
  }
}

/** No file was loaded at its start, or one without keys. */
function loadedNothing(server: ServerEvidence): boolean {
  const loaded = infoNumber(server, 'rdb_last_load_keys_loaded') // since 6.2; also of a full resynchronization
  const isAppended = lastRun(server).some(({ text }) => /^DB loaded from (?:append only|incr) file/.test(text))
  if (loaded !== undefined) return loaded === 0 && !isAppended
  return showsStart(server) && !lastRun(server).some(({ text }) => text.startsWith('DB loaded from'))
}

interface Before {
  readonly keys: number
  readonly fact: Fact
}

interface Restart {
  readonly evidence: Evidence
  readonly startedMs: number
}

/** How many keys there were before that start: as remembered, as sampled, or as a replica's log says. */
function keysBefore(
  primary: ServerEvidence,
  replicas: readonly ServerEvidence[],
  { evidence, startedMs }: Restart,
): Before | undefined {
  const { was } = primary
  if (was?.keys !== undefined && was.keys > 0 && was.runId !== undefined && was.runId !== infoText(primary, 'run_id'))
    return { keys: was.keys, fact: { source: 'Respite', name: `keys${whenText(was.at)}`, value: String(was.keys) } }
  return sampledBefore(primary, evidence, startedMs) ?? loggedBefore(replicas, startedMs)
}

/** A series for each database. */
function sampledBefore({ id }: ServerEvidence, { history }: Evidence, startedMs: number): Before | undefined {
  const last = (history?.series ?? [])
    .filter(({ name, labels }) => name === 'redis_db_keys' && labels['instance'] === id)
    .map(({ points }) => points.findLast(([at]) => at < startedMs - 1_000))
    .filter((point) => point !== undefined)
  const keys = last.reduce((sum, [, value]) => sum + value, 0)
  if (keys === 0) return undefined
  const at = Math.max(...last.map(([each]) => each))
  return { keys, fact: { source: 'samples', name: `redis_db_keys${whenText(at)}`, value: String(keys) } }
}

const LOADED = /^Done loading RDB, keys loaded: (\d+)/ // rdbLoadRioWithLoadingCtx of src/rdb.c, since 6.2

/** A replica that loaded many keys from its primary before, and none after. */
function loggedBefore(replicas: readonly ServerEvidence[], startedMs: number): Before | undefined {
  for (const replica of replicas) {
    const loads = lastRun(replica).filter(({ text }) => LOADED.test(text))
    const entry = loads.findLast(({ at }) => at !== undefined && at < startedMs)
    const keys = Number(LOADED.exec(entry?.text ?? '')?.[1] ?? 0)
    if (entry !== undefined && keys > 0) return { keys, fact: { ...logFact(entry), source: `log of ${replica.id}` } }
  }
  return undefined
}

const FLUSHED = /^(?:MASTER|PRIMARY) <-> REPLICA sync: Flushing old data/ // readSyncBulkPayload of src/replication.c

function flushed(replicas: readonly ServerEvidence[], startedMs: number): Fact[] {
  return replicas.flatMap((replica) => {
    const entry = lastRun(replica).findLast(({ at, text }) => FLUSHED.test(text) && at !== undefined && at >= startedMs)
    return entry === undefined ? [] : [{ ...logFact(entry), source: `log of ${replica.id}` }]
  })
}

function onReplicas(replicas: readonly ServerEvidence[], holders: readonly ServerEvidence[]): string {
  if (replicas.length === 0) return ''
  if (holders.length === 0)
    return ` ${replicas.length === 1 ? 'Its replica has' : `Its ${replicas.length} replicas have`} thrown the data away to follow it.`
  const who = holders.map((holder) => `${holder.id} still has ${formatCount(keyCount(holder) ?? 0)}`)
  return ` ${who.join(', ')}: not for long, since a replica that follows throws its data away.`
}

function whenText(at: number | undefined): string {
  return at === undefined ? '' : ` at ${new Date(at).toISOString()}`
}

const BY_ITSELF = /always|on-failure|on-abnormal|unless-stopped|keepalive/i

function mayStartEmpty(
  primary: ServerEvidence,
  replicas: readonly ServerEvidence[],
  evidence: Evidence,
): Found | undefined {
  const following = Math.max(replicas.length, infoNumber(primary, 'connected_slaves') ?? 0)
  const keys = keyCount(primary) ?? 0
  if (following === 0 || keys === 0 || persists(primary) !== false || lastDump(primary) !== undefined) return undefined
  if (evidence.deployment.dataClass === 'cache') return undefined
  const { supervised } = primary
  const policy = supervised?.restartPolicy
  const isAutomatic = policy !== undefined && BY_ITSELF.test(policy)
  const who = isAutomatic
    ? `${supervised?.supervisor} starts it again by itself (${policy}), and then`
    : 'Started again, by whomever,'
  const many = following === 1 ? 'its replica throws' : `its ${following} replicas throw`
  return {
    kind: 'risk',
    severity: isAutomatic ? 'critical' : 'warning',
    server: primary.id,
    says: `${primary.id} keeps nothing on disk. ${who} it begins empty, and ${many} the ${formatCount(keys)} keys away to follow it.`,
    evidence: [
      settingFact(primary, 'save'),
      infoFact(primary, 'persistence', 'aof_enabled'),
      infoFact(primary, 'replication', 'connected_slaves'),
      ...(policy === undefined
        ? []
        : [{ source: supervised?.supervisor ?? '', name: 'restart policy', value: policy }]),
    ],
    actions: [
      { id: 'enable-aof', why: 'then it begins with what it had' },
      { id: 'back-up-now', why: 'from a replica, before anything is started again' },
    ],
  }
}
