// Sentinels that want to fail over and find nobody to promote: each replica is forbidden to be promoted, cannot be
// reached, or was without its primary for too long.

import { formatDuration } from '../../lib/units.ts'
import type { DeploymentCheck, Found } from '../check.ts'
import { lastLogged, logFact } from '../readings/reading.ts'
import type { Evidence } from '../evidence.ts'
import {
  idOf,
  isDown,
  isPrimaryDown,
  listedOnes,
  numberIn,
  viewFact,
  viewsByName,
  type View,
} from '../readings/sentinel-views.ts'

const RECENTLY_MS = 10 * 60_000

export default {
  asks: 'Is there no replica that Sentinels could promote?',

  lookAtAll(evidence) {
    return [...viewsByName(evidence)].flatMap(([name, views]) => {
      const replicas = [...listedOnes(views, 'replicas')]
      const reasons = replicas.map(([id, all]) => ({ id, why: all.map(({ record }) => whyNot(record, views)) }))
      // One Sentinel that would take it is enough: it may be the one that leads.
      const isNobody = reasons.every(({ why }) => why.every((each) => each !== undefined))
      if (!isNobody) return []
      // A primary that never had a replica guarded by Sentinels is so on purpose, until it fails.
      if (replicas.length === 0 && !isPrimaryDown(views)) return []
      return [found(name, views, { evidence, reasons: reasons.map(({ id, why }) => `${id}: ${why[0]}`) })]
    })
  },
} satisfies DeploymentCheck

const UNREACHED = 'Sentinels do not reach it'

/** Why a Sentinel would not promote this replica; sentinelSelectSlave of sentinel.c, 2.8 to 8. */
function whyNot(record: Readonly<Record<string, string>>, views: readonly View[]): string | undefined {
  if (isDown(record)) return UNREACHED
  if (record['slave-priority'] === '0') return 'its replica-priority is 0: it is never promoted'
  const downMs = numberIn(record, 'master-link-down-time') ?? 0
  const afterMs = numberIn(views[0]?.master.fields ?? {}, 'down-after-milliseconds') ?? 30_000
  const primaryDownMs = numberIn(views[0]?.master.fields ?? {}, 's-down-time') ?? 0
  if (downMs > primaryDownMs + 10 * afterMs)
    return `it has had no link to its primary for ${formatDuration(downMs)}, which is too long to be promoted`
  return undefined
}

interface Around {
  readonly evidence: Evidence
  readonly reasons: readonly string[]
}

function found(name: string, views: readonly View[], { evidence, reasons }: Around): Found {
  const [view] = views as readonly [View]
  const primary = idOf(view.master.fields)
  const isDownNow = isPrimaryDown(views)
  const tried = views
    .map(({ sentinel }) => lastLogged(sentinel, evidence, /-failover-abort-no-good-slave/, { withinMs: RECENTLY_MS }))
    .find((entry) => entry !== undefined)
  const why = reasons.length === 0 ? 'it has no replica.' : `${reasons.join('; ')}.`
  return {
    kind: isDownNow ? 'fault' : 'risk',
    severity: isDownNow ? 'critical' : 'warning',
    server: view.sentinel.id,
    says: isDownNow
      ? `The primary ${primary} of ${name} is down, and Sentinels find no replica to promote: ${why}`
      : `When the primary ${primary} of ${name} fails, Sentinels find no replica to promote: ${why}`,
    evidence: [
      viewFact(view, 'flags'),
      viewFact(view, 'num-slaves'),
      ...view.master.replicas.map((record) => ({
        source: `SENTINEL REPLICAS ${name} of ${view.sentinel.id}`,
        name: idOf(record),
        value: `flags=${record['flags']}, slave-priority=${record['slave-priority']}, master-link-status=${record['master-link-status']}`,
      })),
      ...(tried === undefined ? [] : [logFact(tried)]),
    ],
    ruledOut: view.master.quorum.startsWith('OK')
      ? [{ check: 'sentinel-no-quorum', by: 'the Sentinels are enough to agree on a failover' }]
      : [],
    // Where a replica is only silent, that it is silent is what the alerts are about.
    alerts:
      isDownNow || reasons.some((reason) => !reason.endsWith(UNREACHED))
        ? ['RedisSentinelNoGoodReplica', 'RedisMissingPrimary']
        : [],
    actions: isDownNow
      ? [
          { id: 'start-server', why: 'the primary itself, when its data is on its disk' },
          { id: 'promote-replica', why: 'by hand, the one with the highest offset; what it lacks is shown' },
        ]
      : [],
  }
}
