// The file in which a Cluster node keeps who it is and which slots are whose. Without it the node does not start; when it
// is lost, the node starts as somebody new, and the one that it was is missing from the Cluster for ever.

import type { Consequence, DeploymentCheck, Found } from '../check.ts'
import { clusterFact, hasFailed, hasVote, seenFact, viewsOf } from '../readings/cluster-views.ts'
import { endedWith } from '../readings/ended-by-its-files.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { lastWords } from '../readings/last-run.ts'

// clusterLoadConfig and clusterLockConfig of src/cluster.c, 3.0 to 8
const CORRUPT =
  /Unrecoverable error: corrupted cluster config file|is already used by a different (?:Redis|Valkey) Cluster node/

export default {
  asks: 'Has this node lost what it knows of the Cluster?',
  lookAtAll(evidence) {
    const found = evidence.servers.flatMap((server) => doesNotStart(server) ?? isSomebodyNew(server, evidence) ?? [])
    return found.length > 0 ? found : goneFromItsAddress(evidence)
  },
} satisfies DeploymentCheck

function doesNotStart(server: ServerEvidence): Found | undefined {
  const words = lastWords(server, CORRUPT)
  if (words === undefined) return undefined
  const isUsed = words.match[0].startsWith('is already used')
  const found = endedWith(words, server, {
    says: isUsed
      ? `${server.id} does not start: another node that runs uses the same file of the Cluster's configuration.`
      : `${server.id} does not start: it cannot read the file in which it keeps the Cluster (nodes.conf). Its data files are untouched.`,
    ruledOut: [{ check: 'rdb-corrupt', by: 'it ended before it read its data' }],
    actions: [
      { id: 'start-server', why: isUsed ? 'with a file of its own' : 'once that file is restored from a backup' },
    ],
  })
  return { ...found, server: server.id, brings: [...(found.brings ?? []), { check: 'shard-down', on: 'every server' }] }
}

/** It knows nobody, and the others know somebody else at its address. */
function isSomebodyNew(server: ServerEvidence, evidence: Evidence): Found | undefined {
  const view = viewsOf(evidence).find(({ node }) => node === server)
  if (view === undefined || view.nodes.length > 1) return undefined
  for (const other of viewsOf(evidence)) {
    const was = other.nodes.find(({ address, id }) => address === server.id && id !== view.me.id)
    if (was === undefined) continue
    return {
      kind: 'fault',
      severity: hasVote(was) ? 'critical' : 'warning',
      server: server.id,
      says: `${server.id} has forgotten the Cluster: it runs under a new node id and knows nobody, and the Cluster misses the node that it was${was.slots > 0 ? `, with its ${was.slots} slots` : ''}.`,
      evidence: [
        { source: `CLUSTER NODES of ${server.id}`, name: 'knows', value: `only itself, ${view.me.id}` },
        seenFact(other, was),
        { source: `CLUSTER NODES of ${other.node.id}`, name: 'node id at that address', value: was.id },
      ],
      ruledOut: [
        { check: 'cluster-minority', by: 'it was not cut off: it never heard of the others' },
        ...(hasFailed(was) ? [{ check: 'process-down', by: 'it answers' }] : []),
      ],
      alerts: ['RedisClusterDown', 'RedisClusterSlotsUncovered', 'RedisServerMissing'],
      brings: FOLLOWS,
      actions: [],
    }
  }
  return undefined
}

const FOLLOWS: readonly Consequence[] = [
  { check: 'slots-unassigned', on: 'every server' },
  { check: 'shard-down', on: 'every server' },
  { check: 'cluster-failover-stuck', on: 'every server' },
  { check: 'cluster-bus-blocked', on: 'every server' },
]

/**
 * A node that failed and has no address any more: at the one that it had, somebody with another id answered. Source:
 * clusterProcessPacket of src/cluster.c, "PONG contains mismatching sender ID".
 */
function goneFromItsAddress(evidence: Evidence): Found[] {
  const gone = new Map<string, Found>()
  for (const view of viewsOf(evidence))
    for (const node of view.nodes)
      if (hasVote(node) && hasFailed(node) && node.flags.includes('noaddr'))
        gone.set(node.id, {
          kind: 'fault',
          severity: 'critical',
          server: view.node.id,
          says: `The Cluster misses its node ${node.id} with ${node.slots} slots, and somebody with another id answers at the address where it was: it was started without the file in which it keeps the Cluster (nodes.conf), or its address was given away.`,
          evidence: [seenFact(view, node), clusterFact(view, 'cluster_state'), clusterFact(view, 'cluster_slots_fail')],
          ruledOut: [
            {
              check: 'shard-down',
              by: 'somebody answers at its address; one that is down keeps its address (no noaddr)',
            },
          ],
          alerts: ['RedisClusterDown', 'RedisClusterSlotsUncovered', 'RedisServerMissing'],
          brings: FOLLOWS,
          actions: [],
        })
  return [...gone.values()]
}
