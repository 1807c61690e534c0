// A primary of a Cluster that failed and has nobody to take its place: its slots are served by nobody until it is back.

import { ANSWERS } from '../../redis/answers.ts'
import type { DeploymentCheck, Found } from '../check.ts'
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
import type { ClusterNodeSeen, Evidence } from '../evidence.ts'

export default {
  asks: 'Is a shard of the Cluster down, with no replica that could take over?',

  lookAtAll(evidence) {
    const views = viewsOf(evidence).filter(hasMajority)
    return failedPrimaries(views, ({ flags }) => !flags.includes('noaddr')).flatMap(({ view, node }) => {
      // Word of who follows whom travels from node to node: what any of them has heard counts.
      const following = new Set(
        views.flatMap(({ nodes }) => nodes.filter(({ primary }) => primary === node.id).map(({ id }) => id)),
      )
      const replicas = view.nodes.filter(({ id }) => following.has(id))
      const isThere = serverOf(evidence, node)?.asked === true // then it is cut off, and not down
      return isThere || replicas.some((replica) => !isLost(replica)) ? [] : [found(view, node, { replicas, evidence })]
    })
  },
} satisfies DeploymentCheck

interface Shard {
  readonly replicas: readonly ClusterNodeSeen[]
  readonly evidence: Evidence
}

function found(view: NodeView, node: ClusterNodeSeen, { replicas, evidence }: Shard): Found {
  const server = serverOf(evidence, node)
  const all = [node, ...replicas].map(({ address }) => address)
  const answer = server === undefined ? '' : ` (${ANSWERS[server.answer.id].says})`
  const everything = view.info['cluster_state'] === 'fail'
  return {
    kind: 'fault',
    severity: 'critical',
    server: node.address,
    says: `The shard of ${node.address} is down: its primary failed${answer} and ${replicas.length === 0 ? 'has no replica' : `so ${replicas.length === 1 ? 'did its replica' : 'did all of its replicas'} ${replicas.map(({ address }) => address).join(', ')}`}. ${node.slots} slots are served by nobody${everything ? ', and the whole Cluster refuses commands because of them' : ''}.`,
    evidence: [
      clusterFact(view, 'cluster_state'),
      clusterFact(view, 'cluster_slots_fail'),
      ...[node, ...replicas].map((each) => seenFact(view, each)),
    ],
    ruledOut: [
      { check: 'slots-unassigned', by: 'the slots have an owner' },
      { check: 'cluster-minority', by: 'a majority of the primaries agreed that it failed (fail, not fail?)' },
      { check: 'cluster-failover-stuck', by: 'there is no replica that could take over' },
    ],
    alerts: ['RedisClusterDown', 'RedisClusterSlotsUncovered', 'RedisDown', 'RedisMissingPrimary', 'WritesRefused'],
    brings: ['process-down', 'process-stopped', 'bind-or-firewall'].map((check) => ({ check, on: all })),
    actions: [
      { id: 'start-server', why: 'it comes back with what is on its disk, and its slots with it' },
      { id: 'serve-partial-cluster', why: 'the other slots are served until then' },
    ],
  }
}
