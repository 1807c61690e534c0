// A node of a Cluster without a majority: it takes the others for failed (fail?) and nobody is there to agree. Either it is
// cut off from the others, or most of them are down.

import type { DeploymentCheck, Found, Undecided } from '../check.ts'
import {
  clusterFact,
  hasMajority,
  hasVote,
  isLost,
  seenFact,
  serverOf,
  viewsOf,
  type NodeView,
} from '../readings/cluster-views.ts'
import { cutNodes, type Cut } from '../readings/cut-nodes.ts'
import type { Evidence } from '../evidence.ts'

export default {
  asks: 'Is a node of the Cluster without a majority of the others?',

  lookAtAll(evidence) {
    const without = viewsOf(evidence).filter((view) => !hasMajority(view))
    const cut = cutNodes(evidence).filter(({ view }) => !hasMajority(view))
    if (cut.length > 0) return cut.flatMap((one) => cutOff(one))
    // The voters first: a replica only repeats what its primary sees.
    const [view] = without.toSorted((a, b) => Number(hasVote(b.me)) - Number(hasVote(a.me)))
    return view === undefined ? [] : [mostAreDown(view, evidence)]
  },
} satisfies DeploymentCheck

function cutOff({ view, only, facts }: Cut): (Found | Undecided)[] {
  if (only === 'bus') return []
  const { id } = view.node
  const voters = view.nodes.filter(hasVote)
  const seen = voters.filter((node) => !isLost(node)).length
  if (only === 'unknown')
    return [
      {
        between: ['cluster-minority', 'cluster-bus-blocked'],
        server: id,
        says: `${id} answers and reaches ${seen} of ${voters.length} primaries, and the others do not reach it: it is cut off, or only the port of the Cluster bus is closed.`,
        wouldTell: `on another node's machine: nc -vz ${id.replace(/:(\d+)$/, ' $1')}, and the same for the port of the bus, 10,000 higher`,
      },
    ]
  return [
    {
      kind: 'fault',
      severity: hasVote(view.me) ? 'critical' : 'warning',
      server: id,
      says: `${id} runs and is cut off from the rest of the Cluster: it reaches ${seen} of ${voters.length} primaries, refuses commands, and what it took last may be thrown away.`,
      evidence: [
        clusterFact(view, 'cluster_state'),
        clusterFact(view, 'cluster_slots_pfail'),
        clusterFact(view, 'cluster_slots_fail'),
        ...facts,
      ],
      ruledOut: [
        { check: 'shard-down', by: 'it answers; the others only take it for failed' },
        { check: 'cluster-bus-blocked', by: 'more than the port of the bus is closed between them' },
      ],
      ...FOLLOWS,
      actions: [],
    },
  ]
}

const FOLLOWS = {
  alerts: ['RedisClusterDown', 'RedisClusterSlotsUncovered', 'WritesRefused', 'RedisDisconnectedSlaves'],
  brings: [
    { check: 'replication-link-down', on: 'every server' },
    { check: 'replica-lag', on: 'every server' },
    { check: 'shard-down', on: 'every server' },
    { check: 'cluster-failover-stuck', on: 'every server' },
  ],
} satisfies Pick<Found, 'alerts' | 'brings'>

/** Nobody has a majority: too many of those who vote are gone. */
function mostAreDown(view: NodeView, evidence: Evidence): Found {
  const voters = view.nodes.filter(hasVote)
  const lost = voters.filter(isLost)
  const answering = lost.filter((node) => serverOf(evidence, node)?.asked === true)
  const ids = lost.map(({ address }) => address)
  return {
    kind: 'fault',
    severity: 'critical',
    server: view.node.id,
    says:
      `No node of the Cluster reaches a majority: ${view.node.id} reaches ${voters.length - lost.length} of ${voters.length} primaries, so that no failover can be agreed on and commands are refused.` +
      (answering.length === 0
        ? ` ${ids.join(', ')} do not answer from here either.`
        : ` ${answering.map(({ address }) => address).join(', ')} answer from here: the network between them is cut.`),
    evidence: [
      clusterFact(view, 'cluster_state'),
      clusterFact(view, 'cluster_slots_pfail'),
      clusterFact(view, 'cluster_slots_fail'),
      ...lost.map((node) => seenFact(view, node)),
    ],
    ruledOut: [{ check: 'shard-down', by: 'no majority agreed that they failed (fail?, not fail)' }],
    alerts: [...FOLLOWS.alerts, 'RedisDown', 'RedisMissingPrimary'],
    brings: [
      ...FOLLOWS.brings,
      ...['process-down', 'process-stopped', 'bind-or-firewall'].map((check) => ({ check, on: ids })),
    ],
    actions:
      answering.length === 0 ? [{ id: 'start-server', why: 'each one that comes back counts for the majority' }] : [],
  }
}
