// Slots that belong to no node. PING is answered, no node failed, and every key of those slots is refused; with
// cluster-require-full-coverage, which is the default, all others too.

import type { DeploymentCheck } from '../check.ts'
import { clusterFact, hasMajority, SLOTS, viewsOf, type NodeView } from '../readings/cluster-views.ts'
import { setting } from '../readings/reading.ts'

export default {
  asks: 'Are there slots of the Cluster that no node owns?',

  lookAtAll(evidence) {
    const views = viewsOf(evidence).filter(hasMajority)
    const assigned = views.map(({ info }) => Number(info['cluster_slots_assigned']))
    const most = Math.max(...assigned)
    const view = views[assigned.indexOf(most)]
    if (view === undefined || most >= SLOTS) return []
    const slots = missingOf(view)
    const everything = views.some(({ info }) => info['cluster_state'] === 'fail')
    const full = setting(view.node, 'cluster-require-full-coverage')
    const isNew = most === 0
    return [
      {
        kind: 'fault',
        severity: 'critical',
        server: view.node.id,
        says: isNew
          ? 'No slot of the Cluster is assigned: it was never created, or its nodes have forgotten it.'
          : `${SLOTS - most} of ${SLOTS} slots (${slots}) belong to no node; ${everything ? 'the whole Cluster refuses commands because of them' : 'keys in them are refused'}.`,
        evidence: [
          clusterFact(view, 'cluster_state'),
          clusterFact(view, 'cluster_slots_assigned'),
          clusterFact(view, 'cluster_slots_fail'),
          ...(full === undefined ? [] : [{ source: 'CONFIG GET', name: 'cluster-require-full-coverage', value: full }]),
        ],
        ruledOut: [
          { check: 'shard-down', by: `${view.info['cluster_slots_fail']} slots are of a node that failed` },
          { check: 'cluster-minority', by: 'the node whose view this is reaches a majority' },
        ],
        alerts: ['RedisClusterDown', 'RedisClusterSlotsUncovered', 'WritesRefused'],
        actions: isNew
          ? []
          : [{ id: 'serve-partial-cluster', why: 'all other slots are served until these have an owner again' }],
      },
    ]
  },
} satisfies DeploymentCheck

const MANY = 8

/** The ranges that nobody owns, in words. */
function missingOf({ nodes }: NodeView): string {
  const owned = nodes
    .flatMap(({ ranges = [] }) => ranges)
    .map((range) => range.split('-').map(Number))
    .map(([from = 0, to = from]) => [from, to] as const)
    .toSorted((a, b) => a[0] - b[0])
  const missing: string[] = []
  let next = 0
  for (const [from, to] of [...owned, [SLOTS, SLOTS] as const]) {
    if (from > next) missing.push(from - 1 === next ? String(next) : `${next}–${from - 1}`)
    next = Math.max(next, to + 1)
  }
  return missing.length > MANY ? `${missing.slice(0, MANY).join(', ')}, …` : missing.join(', ')
}
