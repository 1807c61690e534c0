// Two servers of one dataset that both take writes. What the stale one took since the fork is thrown away when it becomes
// a replica again, so that its writes have to stop first and be kept, before anybody reunites them.

import { formatBytes } from '../../lib/units.ts'
import type { DeploymentCheck, Fact, Found } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { forkOf, primariesOf, type Fork } from '../readings/primaries.ts'
import { infoNumber, infoRate, infoText } from '../readings/reading.ts'
import {
  idOf,
  isDown,
  isFailingOver,
  listedOnes,
  numberIn,
  viewsByName,
  type View,
} from '../readings/sentinel-views.ts'

const SETTLED_MS = 30_000 // Sentinels turn a primary that comes back into a replica within some ten seconds

export default {
  asks: 'Do two servers of one dataset both take writes?',

  lookAtAll(evidence) {
    const primaries = primariesOf(evidence)
    const views = [...viewsByName(evidence).values()].flat()
    if (primaries.length < 2 || isFailingOver(views)) return []
    const forks = primaries.flatMap((one, at) => primaries.slice(at + 1).flatMap((other) => forkOf(one, other) ?? []))
    return forks.filter((fork) => isSettled(fork, views)).map((fork) => found(fork, views, evidence))
  },
} satisfies DeploymentCheck

/** It is no failover that is still being carried out. */
function isSettled({ promoted, stale }: Fork, views: readonly View[]): boolean {
  const states = [promoted, stale].map((server) => infoText(server, 'master_failover_state') ?? 'no-failover')
  if (states.some((state) => state !== 'no-failover')) return false
  const listed = listedOnes(views, 'replicas').get(stale.id) ?? []
  if (listed.length === 0) return true // no Sentinel sees to it
  return listed.every(({ record }) => isDown(record) || (numberIn(record, 'role-reported-time') ?? 0) > SETTLED_MS)
}

function found(fork: Fork, views: readonly View[], evidence: Evidence): Found {
  // Nobody promoted it but the one who detached it, and nobody writes to it: it is not a rival yet.
  return views.length === 0 && fork.promotedSince === 0 ? detached(fork) : rivals(fork, views, evidence)
}

function detached({ promoted, stale }: Fork): Found {
  return {
    kind: 'risk',
    severity: 'warning',
    server: promoted.id,
    says: `${promoted.id} was a replica of ${stale.id} and no longer follows it: it is a primary of its own, to which nothing was written yet. Its data grows old, and what a client writes there, ${stale.id} never gets.`,
    evidence: [promoted, stale].flatMap(roleFacts),
    ruledOut: [{ check: 'replication-link-down', by: 'it follows nobody' }],
    alerts: ['RedisTwoPrimaries', 'RedisDeploymentDiffers'],
    actions: [{ id: 'reattach-replica', why: `when nobody meant it to leave: it follows ${stale.id} again` }],
  }
}

function rivals({ promoted, stale, writtenSince }: Fork, views: readonly View[], evidence: Evidence): Found {
  const says = views.map(({ sentinel, master }): Fact => ({
    source: `SENTINEL MASTER ${master.name} of ${sentinel.id}`,
    name: 'primary',
    value: idOf(master.fields),
  }))
  const writes = [promoted, stale].filter((server) => (infoRate(server, 'master_repl_offset') ?? 0) > 0)
  return {
    kind: 'fault',
    severity: 'critical',
    server: stale.id,
    says:
      `${stale.id} and ${promoted.id} both take writes as the primary of one dataset. ${promoted.id} was promoted and ${stale.id} goes on beside it` +
      `; ${writtenSince === 0 ? 'nothing was written to it since' : `${formatBytes(writtenSince)} written to it since the fork are on no other server and are lost when it becomes a replica`}.`,
    evidence: [promoted, stale].flatMap(roleFacts).concat(says),
    ruledOut: [
      { check: 'sentinel-cross-talk', by: 'the one branched from the history of the other: they are one dataset' },
      ...(views.length === 0 ? [] : [{ check: 'sentinel-no-quorum', by: 'the Sentinels have promoted a replica' }]),
    ],
    alerts: ['RedisTwoPrimaries'],
    brings: [
      { check: 'sentinel-ghosts', on: 'every server' },
      { check: 'sentinel-no-good-replica', on: 'every server' },
      { check: 'not-enough-replicas', on: [stale.id] },
      { check: 'replication-link-down', on: followersOf(stale, evidence) },
    ],
    actions: [
      {
        id: 'pause-writes',
        why: `on ${stale.id} first, so that no more is written that will be lost${writes.includes(stale) ? '; it is written to now' : ''}`,
      },
      { id: 'back-up-now', why: 'of both, so that what only the stale one has can be brought over' },
      { id: 'reattach-replica', why: `then ${stale.id} follows ${promoted.id}` },
    ],
  }
}

function roleFacts(server: ServerEvidence): Fact[] {
  const clients = infoNumber(server, 'connected_clients')
  return [
    {
      source: `INFO replication of ${server.id}`,
      name: 'role',
      value: `master, offset ${infoText(server, 'master_repl_offset')}${clients === undefined ? '' : `, ${clients} clients`}`,
    },
    {
      source: `INFO replication of ${server.id}`,
      name: 'history',
      value: `${infoText(server, 'master_replid')}, before it ${infoText(server, 'master_replid2')}`,
    },
  ]
}

function followersOf(stale: ServerEvidence, { servers }: Evidence): string[] {
  return servers.filter(({ primary }) => primary === stale.id).map(({ id }) => id)
}
