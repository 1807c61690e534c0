// Too few Sentinels to fail over: those that work may see that the primary is down and may not act on it. It costs nothing
// until the primary fails, and then everything.

import type { DeploymentCheck, Found } from '../check.ts'
import type { Evidence } from '../evidence.ts'
import { infoNumber } from '../readings/reading.ts'
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

const MEETING_SECONDS = 15 // Sentinels that just started hear of each other within a few seconds

export default {
  asks: 'Are there too few Sentinels for a failover?',

  lookAtAll(evidence) {
    return [...viewsByName(evidence)].flatMap(([name, views]) => {
      const without = views.filter(({ master }) => master.quorum.startsWith('NOQUORUM'))
      const isMeeting = without.every(({ sentinel, master }) => {
        return master.sentinels.length === 0 && (infoNumber(sentinel, 'uptime_in_seconds') ?? 0) < MEETING_SECONDS
      })
      return isMeeting || without.length < views.length ? [] : [found(name, without, evidence)]
    })
  },
} satisfies DeploymentCheck

function found(name: string, views: readonly View[], evidence: Evidence): Found {
  const [view] = views as readonly [View]
  const { sentinel, master } = view
  const known = 1 + master.sentinels.length
  const lost = lostOnes(views, evidence)
  const usable = known - master.sentinels.filter(isDown).length
  const quorum = numberIn(master.fields, 'quorum') ?? 0
  const isTooHigh = lost.length === 0 && quorum > known
  const primary = idOf(master.fields)
  const isDownNow = isPrimaryDown(views)
  return {
    kind: 'fault',
    severity: isDownNow ? 'critical' : 'warning',
    server: sentinel.id,
    says:
      `${usable} of ${known} Sentinels of ${name} work` +
      (isTooHigh
        ? `, and the quorum is set to ${quorum}, more than there are`
        : `: a failover needs ${Math.max(quorum, majorityOf(known))}`) +
      `. ${isDownNow ? `The primary ${primary} is down, and nobody will replace it.` : `When the primary ${primary} fails, nobody will replace it.`}` +
      (lost.length === 0 ? '' : ` Missing: ${lost.join(', ')}.`),
    evidence: [
      { source: `SENTINEL CKQUORUM ${name} of ${sentinel.id}`, name: 'answer', value: master.quorum },
      viewFact(view, 'quorum'),
      viewFact(view, 'num-other-sentinels'),
      viewFact(view, 'flags'),
    ],
    ruledOut: [
      ...(master.replicas.some((record) => !isDown(record))
        ? [{ check: 'sentinel-no-good-replica', by: 'there is a replica that Sentinels reach' }]
        : []),
      { check: 'sentinel-tilt', by: 'no Sentinel that answers is in TILT' },
    ],
    alerts: ['RedisSentinelNoQuorum', 'RedisMissingPrimary', 'RedisServerMissing'],
    brings: ['process-down', 'process-stopped', 'bind-or-firewall', 'cannot-start'].map((check) => ({
      check,
      on: lost,
    })),
    actions: [
      ...(lost.length === 0 ? [] : [{ id: 'start-server' as const, why: 'the Sentinels that are missing' }]),
      ...(isDownNow
        ? [{ id: 'promote-replica' as const, why: 'only when the Sentinels cannot be brought back soon' }]
        : []),
    ],
  }
}

function majorityOf(known: number): number {
  return Math.floor(known / 2) + 1
}

/** Sentinels that others list as down, or that do not answer us. */
function lostOnes(views: readonly View[], evidence: Evidence): string[] {
  const listed = [...listedOnes(views, 'sentinels')].filter(([, all]) => all.every(({ record }) => isDown(record)))
  const silent = evidence.servers.filter(({ role, asked }) => role === 'sentinel' && !asked)
  return [...new Set([...listed.map(([id]) => id), ...silent.map(({ id }) => id)])]
}
