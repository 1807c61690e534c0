// A slot that was to move from one node to another and stopped half way: clients are sent to and fro (ASK), commands on
// several keys fail (TRYAGAIN), until somebody finishes it or takes it back.

import { formatCount } from '../../lib/units.ts'
import type { DeploymentCheck, Fact, Found } from '../check.ts'
import { viewsOf, type NodeView } from '../readings/cluster-views.ts'
import { infoRate } from '../readings/reading.ts'

export default {
  asks: 'Has the move of a slot between two nodes stopped half way?',

  lookAtAll(evidence) {
    const views = viewsOf(evidence)
    const open = views.flatMap((view) => view.me.moving.flatMap((text) => moveOf(view, text) ?? []))
    return [...Map.groupBy(open, ({ slot }) => slot)].flatMap(([slot, ends]) => {
      const isMoving = ends.some(({ view }) => moves(view))
      return isMoving ? [] : [found(slot, ends, views)]
    })
  },
} satisfies DeploymentCheck

interface End {
  readonly slot: number
  readonly view: NodeView
  readonly way: 'leaves' | 'arrives'
  readonly other: string // node id
}

/** `[100->-NODE]`: it leaves; `[100-<-NODE]`: it arrives. */
function moveOf(view: NodeView, text: string): End | undefined {
  const [, slot, arrow, other = ''] = /^\[(\d+)-([<>])-(\w+)\]$/.exec(text) ?? []
  return slot === undefined ? undefined : { slot: Number(slot), view, way: arrow === '>' ? 'leaves' : 'arrives', other }
}

/** Does it move keys at this moment? A tool that moves slots does little else. */
function moves({ node }: NodeView): boolean {
  return ['cmdstat_migrate', 'cmdstat_restore', 'cmdstat_restore-asking'].some(
    (command) => (infoRate(node, command, 'calls') ?? 0) > 0,
  )
}

function found(slot: number, ends: readonly End[], views: readonly NodeView[]): Found {
  const from = ends.find(({ way }) => way === 'leaves')
  const to = ends.find(({ way }) => way === 'arrives')
  const nameOf = (nodeId: string | undefined): string =>
    views.find(({ me }) => me.id === nodeId)?.node.id ?? nodeId ?? 'nobody'
  const [source, target] = [from?.view.node.id ?? nameOf(to?.other), to?.view.node.id ?? nameOf(from?.other)]
  const [left, arrived] = [source, target].map(
    (id) => views.find(({ node }) => node.id === id)?.node.cluster?.keysMoving?.[slot],
  )
  const isEmpty = arrived === 0
  const says =
    from === undefined
      ? `${target} waits for slot ${slot}, and ${source} does not know that it is to leave`
      : to === undefined
        ? `${source} is giving slot ${slot} away, and ${target} does not expect it`
        : `The move of slot ${slot} from ${source} to ${target} stopped half way`
  return {
    kind: 'fault',
    severity: 'warning',
    server: from?.view.node.id ?? to?.view.node.id ?? '',
    says:
      `${says}: no key was moved while we looked.` +
      (left === undefined || arrived === undefined
        ? ''
        : ` ${formatCount(left)} keys of it are still here and ${formatCount(arrived)} are there${isEmpty ? ', so that it can be taken back' : ''}.`),
    evidence: [
      ...ends.map(({ view, way, other }): Fact => ({
        source: `CLUSTER NODES of ${view.node.id}`,
        name: `slot ${slot}`,
        value: way === 'leaves' ? `migrating to ${nameOf(other)}` : `importing from ${nameOf(other)}`,
      })),
      { source: 'INFO commandstats, twice', name: 'MIGRATE and RESTORE', value: 'none in between' },
    ],
    ruledOut: [{ check: 'slots-unassigned', by: 'the slot has an owner' }],
    alerts: [],
    actions:
      isEmpty || arrived === undefined ? [{ id: 'settle-slot', why: 'when the destination holds no key of it' }] : [],
  }
}
