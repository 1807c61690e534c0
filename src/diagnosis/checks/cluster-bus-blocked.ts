// The port of clients is open and that of the Cluster bus, 10,000 higher, is closed: everybody who connects finds the node
// well, and its fellows take it for failed.

import type { DeploymentCheck } from '../check.ts'
import { busPort, clusterFact, hasVote } from '../readings/cluster-views.ts'
import { cutNodes } from '../readings/cut-nodes.ts'

export default {
  asks: 'Is the bus port of a Cluster node closed, while that for clients is open?',

  lookAtAll: (evidence) =>
    cutNodes(evidence)
      .filter(({ only }) => only === 'bus')
      .map(({ view, facts }) => ({
        kind: 'fault',
        severity: hasVote(view.me) ? 'critical' : 'warning',
        server: view.node.id,
        says: `${view.node.id} answers clients, and the other nodes do not reach it on the Cluster bus, port ${busPort(view.node)}: they take it for failed.`,
        first: `Open TCP port ${busPort(view.node)} between all nodes: it is their bus, and not the port of clients; cluster-announce-bus-port where addresses are translated.`,
        evidence: [...facts, clusterFact(view, 'cluster_state')],
        ruledOut: [
          { check: 'process-down', by: 'it answers' },
          { check: 'cluster-minority', by: 'only the bus is closed between them' },
        ],
        alerts: ['RedisClusterDown', 'RedisClusterSlotsUncovered', 'WritesRefused'],
        brings: [
          { check: 'cluster-minority', on: 'every server' },
          { check: 'shard-down', on: 'every server' },
          { check: 'cluster-failover-stuck', on: 'every server' },
          { check: 'bind-or-firewall', on: 'every server' },
          { check: 'replication-link-down', on: 'every server' },
          { check: 'replica-lag', on: 'every server' },
        ],
        actions: [],
      })),
} satisfies DeploymentCheck
