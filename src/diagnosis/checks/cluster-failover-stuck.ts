// A primary of a Cluster failed, a replica of it lives, and does not take over: it is told not to, its data is too old, or
// it is not voted for.

import type { DeploymentCheck, Fact, Found } from '../check.ts'
import {
  clusterFact,
  failedPrimaries,
  hasMajority,
  isLost,
  seenFact,
  serverOf,
  viewsOf,
  type NodeView,
} from '../readings/cluster-views.ts'
import type { ClusterNodeSeen, Evidence, ServerEvidence } from '../evidence.ts'
import { lastLogged, logFact, setting, settingNumber, type LogEntrySeen } from '../readings/reading.ts'

const RECENTLY_MS = 10 * 60_000
const UNABLE = /Currently unable to failover|Failover attempt expired|Manual failover timed out/
const SETTLING_TIMEOUTS = 5 // of node timeouts, in which a failover that works is over

export default {
  asks: 'Does a replica of a failed primary of the Cluster not take over?',

  lookAtAll(evidence) {
    const views = viewsOf(evidence).filter(hasMajority)
    return failedPrimaries(views).flatMap(({ view, node }) => {
      if (serverOf(evidence, node)?.asked === true) return [] // it is cut off, and not down
      const living = view.nodes.filter((each) => each.primary === node.id && !isLost(each))
      const servers = living.flatMap((each) => serverOf(evidence, each) ?? [])
      const reason = servers.map((server) => reasonOf(server, evidence)).find((each) => each !== undefined)
      if (reason === undefined && isSettling(view, node, evidence)) return []
      return living.length === 0 || servers.length === 0 ? [] : [found({ view, node, living, reason })]
    })
  },
} satisfies DeploymentCheck

interface Reason {
  readonly says: string
  readonly facts: readonly Fact[]
  readonly ends: 'by hand' | 'by itself'
}

function reasonOf(server: ServerEvidence, evidence: Evidence): Reason | undefined {
  const { id } = server
  if ((setting(server, 'cluster-replica-no-failover') ?? setting(server, 'cluster-slave-no-failover')) === 'yes') {
    const facts = [{ source: `CONFIG GET of ${id}`, name: 'cluster-replica-no-failover', value: 'yes' }]
    return { says: `${id} is told never to take over by itself`, facts, ends: 'by hand' }
  }
  const said = lastLogged(server, evidence, UNABLE, { withinMs: RECENTLY_MS, sinceStart: true })
  return said === undefined ? undefined : { says: `${id} ${wordsOf(said)}`, facts: [logFact(said)], ends: 'by hand' }
}

function wordsOf({ text }: LogEntrySeen): string {
  if (/Disconnected from master for longer/.test(text))
    return 'lost its link to it too long before to be allowed to (cluster-replica-validity-factor)'
  if (/majority still not reached/.test(text)) return 'is not voted for by a majority of the primaries'
  if (/expired/.test(text)) return 'did not get the votes in time'
  return `said: ${text}`
}

/** A failover that works takes a few node timeouts. */
function isSettling({ node }: NodeView, { pingSentMs }: ClusterNodeSeen, { takenAt }: Evidence): boolean {
  const timeout = settingNumber(node, 'cluster-node-timeout') ?? 15_000
  return pingSentMs === 0 || takenAt - pingSentMs < SETTLING_TIMEOUTS * timeout
}

interface Stuck {
  readonly view: NodeView
  readonly node: ClusterNodeSeen
  readonly living: readonly ClusterNodeSeen[]
  readonly reason: Reason | undefined
}

function found({ view, node, living, reason }: Stuck): Found {
  const { address, slots } = node
  return {
    kind: 'fault',
    severity: 'critical',
    server: address,
    says: `The primary ${address} of the Cluster failed, and its ${living.length === 1 ? 'replica' : 'replicas'} ${living.map((each) => each.address).join(', ')} did not take over: ${reason?.says ?? 'why, their logs do not say'}. ${slots} slots are served by nobody.`,
    evidence: [
      clusterFact(view, 'cluster_state'),
      clusterFact(view, 'cluster_slots_fail'),
      ...[node, ...living].map((each) => seenFact(view, each)),
      ...(reason?.facts ?? []),
    ],
    ruledOut: [
      { check: 'shard-down', by: `${living[0]?.address} is a replica of it and lives` },
      { check: 'cluster-minority', by: 'a majority of the primaries agreed that it failed' },
    ],
    alerts: ['RedisClusterDown', 'RedisClusterSlotsUncovered', 'RedisMissingPrimary', 'WritesRefused'],
    actions: [
      { id: 'fail-over', why: 'on its best replica, by hand; what it lacks of the last writes is lost' },
      { id: 'start-server', why: 'the primary itself, when nothing may be lost' },
    ],
  }
}
