// Nodes of a Cluster that answer us and that their fellows do not reach. Either nothing passes between them, or only the
// bus is closed, on which they speak of each other; replication, which goes over the port of clients, tells the two apart.

import type { Fact } from '../check.ts'
import { busPort, hasFailed, hasMajority, isLost, seenFact, viewsOf, type NodeView } from './cluster-views.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoText } from './reading.ts'
import { listedBy } from './replication-links.ts'

export interface Cut {
  readonly view: NodeView // of the node that is cut off
  readonly only: 'bus' | 'everything' | 'unknown'
  readonly facts: readonly Fact[]
}

/** The nodes on the smaller side of a cut; all of them answer us, and so does somebody on the other side. */
export function cutNodes(evidence: Evidence): readonly Cut[] {
  const views = viewsOf(evidence)
  const others = (view: NodeView): readonly NodeView[] => views.filter((other) => other !== view)
  return views.flatMap((view) => {
    const missing = others(view).filter((other) => hasMajority(other) && isMissing(view, other))
    // One that takes it for failed (fail?) may be wrong for a moment; that they agreed (fail), or that most do, is no moment.
    const isAgreed = missing.some((other) => other.nodes.some((node) => node.id === view.me.id && hasFailed(node)))
    const missedBy = isAgreed || 2 * missing.length > others(view).length ? missing : []
    const misses = others(view).filter((other) => isMissing(other, view))
    const sees = hasMajority(view) && misses.length === 0
    if (missedBy.length === 0 && (hasMajority(view) || misses.length === 0)) return []
    if (missedBy.length === 0 && !misses.some(hasMajority)) return [] // the other side is no better off
    return [cutOf({ view, sees, missedBy, misses })]
  })
}

/** Does `by` take this node for lost? */
function isMissing({ me }: NodeView, by: NodeView): boolean {
  return by.nodes.some((node) => node.id === me.id && isLost(node))
}

interface Sides {
  readonly view: NodeView
  readonly sees: boolean // the others, who do not see it
  readonly missedBy: readonly NodeView[]
  readonly misses: readonly NodeView[]
}

function cutOf({ view, sees, missedBy, misses }: Sides): Cut {
  const across = [...new Set([...missedBy, ...misses])]
  const facts = [
    ...missedBy.slice(0, 2).flatMap((other) => {
      const seen = other.nodes.find(({ id }) => id === view.me.id)
      return seen === undefined ? [] : [seenFact(other, seen)]
    }),
    ...misses.slice(0, 2).flatMap((other) => {
      const seen = view.nodes.find(({ id }) => id === other.me.id)
      return seen === undefined ? [] : [seenFact(view, seen)]
    }),
  ]
  if (sees && missedBy.length > 0) {
    const value = 'all are well: what it sends arrives, and what is sent to it does not'
    return {
      view,
      only: 'bus',
      facts: [...facts, { source: `CLUSTER NODES of ${view.node.id}`, name: 'the others', value }],
    }
  }
  const link = linkAcross(view.node, across)
  if (link !== undefined) return { view, only: 'bus', facts: [...facts, link] }
  const { named, all } = rulesFor(view.node)
  if (all.length > 0) return { view, only: 'everything', facts: [...facts, ...all] }
  if (named.length > 0) return { view, only: 'bus', facts: [...facts, ...named] }
  const broken = brokenAcross(view.node, across)
  return broken === undefined
    ? { view, only: 'unknown', facts }
    : { view, only: 'everything', facts: [...facts, broken] }
}

/** A replication link that stands between the two sides. */
function linkAcross(node: ServerEvidence, across: readonly NodeView[]): Fact | undefined {
  for (const { node: other } of across)
    for (const [replica, primary] of [
      [node, other],
      [other, node],
    ] as const) {
      const isUp = infoText(replica, 'master_link_status') === 'up' && replica.primary === primary.id
      const ago = infoText(replica, 'master_last_io_seconds_ago')
      if (isUp && listedBy(primary).some(({ id, ackAgeSeconds }) => id === replica.id && ackAgeSeconds <= 2))
        return { source: `INFO of ${replica.id}`, name: `link to ${primary.id}`, value: `up, heard of ${ago} s ago` }
    }
  return undefined
}

/** One that should stand and does not. */
function brokenAcross(node: ServerEvidence, across: readonly NodeView[]): Fact | undefined {
  const pairs = across.flatMap(({ node: other }) => [[node, other] as const, [other, node] as const])
  const broken = pairs.find(
    ([replica, primary]) => replica.primary === primary.id && infoText(replica, 'master_link_status') === 'down',
  )
  if (broken === undefined) return undefined
  return { source: `INFO of ${broken[0].id}`, name: `link to ${broken[1].id}`, value: 'down' }
}

/** Rules of the firewall that turn away: what names only the bus port, and what closes more. */
function rulesFor(node: ServerEvidence): { named: readonly Fact[]; all: readonly Fact[] } {
  const rules = (node.firewall?.rules ?? []).filter((rule) => /\b(?:drop|reject)\b/i.test(rule))
  const isBus = (rule: string): boolean => new RegExp(`\\b${busPort(node)}\\b`).test(rule)
  const factOf = (rule: string): Fact => ({ source: 'the firewall', name: 'rule', value: rule })
  return { named: rules.filter(isBus).map(factOf), all: rules.filter((rule) => !isBus(rule)).map(factOf) }
}
