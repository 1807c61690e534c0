// Sentinels or replicas of two deployments that are mixed up: the same name for two primaries, or an address that now
// belongs to somebody else. Sentinels make a server that they take for theirs a replica of their primary, and its data is
// gone.

import { formatCount } from '../../lib/units.ts'
import type { DeploymentCheck, Fact, Found } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { forkOf, primariesOf } from '../readings/primaries.ts'
import { infoNumber, infoText, keyCount } from '../readings/reading.ts'
import { idOf, isDown, listedOnes, viewsByName, type View } from '../readings/sentinel-views.ts'

const SETTLED_SECONDS = 60 // one that was just restarted has a new history too, and is made a replica soon

export default {
  asks: 'Are two deployments mixed up in what the Sentinels watch?',

  lookAtAll(evidence) {
    if (evidence.deployment.kind !== 'sentinel') return []
    const primaries = primariesOf(evidence)
    return [...viewsByName(evidence)].flatMap(([name, views]) => {
      const named = [...new Set(views.map(({ master }) => idOf(master.fields)))]
      for (const [at, one] of primaries.entries())
        for (const other of primaries.slice(at + 1)) {
          if (forkOf(one, other) !== undefined || justRestarted([one, other], views)) continue
          if (named.includes(one.id) || named.includes(other.id)) return [found(name, [one, other], views)]
        }
      return []
    })
  },
} satisfies DeploymentCheck

/** A primary that died and came back, before Sentinels have made it a replica. */
function justRestarted(pair: readonly ServerEvidence[], views: readonly View[]): boolean {
  const replicas = listedOnes(views, 'replicas')
  return pair.some((server) => {
    const isListed = (replicas.get(server.id) ?? []).some(({ record }) => !isDown(record))
    return isListed && (infoNumber(server, 'uptime_in_seconds') ?? 0) < SETTLED_SECONDS
  })
}

function found(name: string, pair: readonly [ServerEvidence, ServerEvidence], views: readonly View[]): Found {
  const [one, other] = pair
  const of = (server: ServerEvidence): string[] =>
    views.filter(({ master }) => idOf(master.fields) === server.id).map(({ sentinel }) => sentinel.id)
  const [foreign, own] = of(one).length < of(other).length ? [one, other] : [other, one]
  return {
    kind: 'fault',
    severity: 'critical',
    server: foreign.id,
    says: `The name ${name} stands for two different datasets: ${own.id} and ${foreign.id} never had a common history, and Sentinels that know each other watch both. A failover in one makes servers of the other its replicas, and their data is lost.`,
    evidence: pair.flatMap((server): Fact[] => [
      {
        source: `INFO of ${server.id}`,
        name: 'history',
        value: `${infoText(server, 'master_replid')}, ${formatCount(keyCount(server) ?? 0)} keys`,
      },
      { source: 'SENTINEL MASTERS', name: `${name} is ${server.id} for`, value: of(server).join(', ') || 'nobody' },
    ]),
    ruledOut: [{ check: 'two-primaries', by: 'neither branched from the history of the other' }],
    alerts: ['RedisTwoPrimaries'],
    brings: [
      { check: 'sentinel-ghosts', on: 'every server' },
      { check: 'sentinel-no-good-replica', on: 'every server' },
    ],
    actions: [
      { id: 'back-up-now', why: 'of both, before Sentinels make one a replica of the other' },
      { id: 'reset-sentinel', why: 'once each group has a name and a password of its own' },
    ],
  }
}
