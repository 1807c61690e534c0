// A client that speaks to a Cluster as if it were one server: most of what it asks is of a slot that lives elsewhere, and
// it is told so (MOVED) or refused (CROSSSLOT).

import type { DeploymentCheck, Fact } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { infoPart, infoRate } from '../readings/reading.ts'
import { viewsOf } from '../readings/cluster-views.ts'

const SHARE = 0.05 // of all commands; a client that follows the Cluster is told where a slot is once
const LEAST = 2 // a second

export default {
  asks: 'Does a client ask this node of the Cluster for what others have?',

  lookAtAll(evidence) {
    const views = viewsOf(evidence)
    if (views.some(({ me }) => me.moving.length > 0)) return [] // while slots move, clients are sent on
    return views.flatMap(({ node }) => {
      const moved = infoRate(node, 'errorstat_MOVED', 'count') ?? 0
      const crossed = infoRate(node, 'errorstat_CROSSSLOT', 'count') ?? 0
      const commands = Math.max(infoRate(node, 'total_commands_processed') ?? 0, moved + crossed)
      if (moved + crossed < LEAST || moved + crossed < SHARE * commands) return []
      const isCross = crossed > moved
      return [
        {
          kind: 'fault' as const,
          severity: 'warning' as const,
          server: node.id,
          says: isCross
            ? `Clients of ${node.id} use keys of several slots in one command and are refused (CROSSSLOT), ${Math.round(crossed)} times a second.`
            : `Clients ask ${node.id} for keys that other nodes have and are sent on (MOVED), ${Math.round(moved)} times a second: they do not know that it is a Cluster.`,
          first:
            'Give these clients a library that speaks Cluster (redis-cli: -c), and keys that belong together a common {tag}.',
          evidence: [
            errors(node, 'MOVED', moved),
            errors(node, 'CROSSSLOT', crossed),
            { source: 'CLUSTER NODES', name: 'slots that move', value: 'none' },
          ],
          ruledOut: [{ check: 'slot-migration-stuck', by: 'no slot is on its way' }],
          alerts: [],
          actions: [],
        },
      ]
    })
  },
} satisfies DeploymentCheck

function errors(node: ServerEvidence, name: string, rate: number): Fact {
  const count = infoPart(node, `errorstat_${name}`, 'count') ?? 0
  return { source: 'INFO errorstats', name: `errorstat_${name}`, value: `${count}, ${rate.toFixed(1)} a second now` }
}
