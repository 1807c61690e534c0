// A Cluster as each of its nodes sees it. Nobody knows the whole: a node that is cut off takes the others for failed, and
// the others take it for failed, so that a view counts by whether it has a majority behind it.

import type { Fact } from '../check.ts'
import type { ClusterNodeSeen, Evidence, ServerEvidence } from '../evidence.ts'

export const SLOTS = 16_384
const BUS_OFFSET = 10_000 // CLUSTER_PORT_INCR of cluster.h, where cluster-port is 0

export interface NodeView {
  readonly node: ServerEvidence
  readonly me: ClusterNodeSeen
  readonly nodes: readonly ClusterNodeSeen[]
  readonly info: Readonly<Record<string, string>> // CLUSTER INFO
}

/** The views of all nodes that could be asked. */
export function viewsOf({ servers }: Evidence): readonly NodeView[] {
  return servers.flatMap((node) => {
    const me = node.cluster?.nodes.find(({ flags }) => flags.includes('myself'))
    return node.cluster === undefined || me === undefined
      ? []
      : [{ node, me, nodes: node.cluster.nodes, info: node.cluster.info }]
  })
}

/** A primary that owns slots: only these vote. */
export function hasVote({ flags, slots }: ClusterNodeSeen): boolean {
  return flags.includes('master') && slots > 0
}

/** The Cluster agreed that it failed. */
export function hasFailed({ flags }: ClusterNodeSeen): boolean {
  return flags.includes('fail')
}

/** Primaries with slots of which a view says that they failed, each once, with the last view that says so. */
export function failedPrimaries(
  views: readonly NodeView[],
  isWanted: (node: ClusterNodeSeen) => boolean = () => true,
): readonly { readonly view: NodeView; readonly node: ClusterNodeSeen }[] {
  const failed = new Map<string, { view: NodeView; node: ClusterNodeSeen }>()
  for (const view of views)
    for (const node of view.nodes)
      if (hasVote(node) && hasFailed(node) && isWanted(node)) failed.set(node.id, { view, node })
  return [...failed.values()]
}

/** The node whose view it is does not reach it, whether the Cluster agrees or not. */
export function isLost(node: ClusterNodeSeen): boolean {
  return hasFailed(node) || node.flags.includes('fail?')
}

/** Does it reach more than half of those who vote? */
export function hasMajority({ nodes }: NodeView): boolean {
  const voters = nodes.filter(hasVote)
  return voters.length === 0 || voters.filter((node) => !isLost(node)).length > voters.length / 2
}

/** The server that a node of CLUSTER NODES is. */
export function serverOf({ servers }: Evidence, { address }: ClusterNodeSeen): ServerEvidence | undefined {
  return servers.find(({ id }) => id === address)
}

/** The port on which it speaks with the other nodes. */
export function busPort(server: ServerEvidence): number {
  const own = Number(server.config?.['cluster-port'] ?? 0)
  return own > 0 ? own : Number(server.address.replace(/^.*:/, '')) + BUS_OFFSET
}

/** A field of CLUSTER INFO as a fact. */
export function clusterFact({ node, info }: NodeView, field: string): Fact {
  return { source: `CLUSTER INFO of ${node.id}`, name: field, value: info[field] ?? 'not said' }
}

/** How a node stands in the view of another. */
export function seenFact({ node }: NodeView, { id, address, flags, linkUp }: ClusterNodeSeen): Fact {
  return {
    source: `CLUSTER NODES of ${node.id}`,
    name: flags.includes('noaddr') ? id : address,
    value: `${flags.filter((flag) => flag !== 'myself').join(',')}, link ${linkUp ? 'connected' : 'disconnected'}`,
  }
}
