// A Cluster node's own view of the Cluster: two nodes may see two different ones, which is a fault by itself.

import { parseInfo } from '../../redis/info.ts'
import type { ClusterNodeSeen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

export default {
  looksAt: 'CLUSTER INFO, CLUSTER NODES, and how many keys it has of slots that move',
  asks: true,
  after: ['info'],

  async look(server, seen) {
    if (seen.info?.fields['cluster_enabled'] !== '1') return undefined
    const [info, nodes] = await Promise.all([server.ask('CLUSTER', 'INFO'), server.ask('CLUSTER', 'NODES')])
    const lines = String(nodes)
      .split('\n')
      .filter((line) => line !== '')
    const parsed = lines.map(nodeOf)
    const keysMoving = await countMoving(server, parsed)
    return { info: Object.fromEntries(parseInfo(String(info))), nodes: parsed, ...(keysMoving && { keysMoving }) }
  },
} satisfies Source<'cluster'>

const MOST_COUNTED = 16

/** Both ends of a move name the slot, each in its own line; undefined where nothing moves. */
async function countMoving(
  server: ServerAtHand,
  nodes: readonly ClusterNodeSeen[],
): Promise<Record<number, number> | undefined> {
  const moving = nodes.find(({ flags }) => flags.includes('myself'))?.moving ?? []
  const slots = moving.slice(0, MOST_COUNTED).map((text) => Number(/^\[(\d+)/.exec(text)?.[1]))
  if (slots.length === 0) return undefined
  const counts = await Promise.all(slots.map((slot) => server.ask('CLUSTER', 'COUNTKEYSINSLOT', String(slot))))
  return Object.fromEntries(slots.map((slot, at) => [slot, Number(counts[at])]))
}

/** `<id> <ip:port@cport[,hostname]> <flags> <primary> <ping-sent> <pong-recv> <epoch> <link-state> <slot>…` */
function nodeOf(line: string): ClusterNodeSeen {
  const [id = '', where = '', flags = '', primary = '-', pingSent = '0', , , link = '', ...slots] = line.split(' ')
  return {
    id,
    address: where.replace(/[@,].*$/, ''),
    flags: flags.split(','),
    primary: primary === '-' ? undefined : primary,
    pingSentMs: Number(pingSent),
    linkUp: link === 'connected',
    ranges: slots.filter((word) => !word.startsWith('[')),
    slots: slots.filter((word) => !word.startsWith('[')).reduce((sum, range) => sum + slotsIn(range), 0),
    moving: slots.filter((word) => word.startsWith('[')),
  }
}

function slotsIn(range: string): number {
  const [from = '0', to = from] = range.split('-')
  return Number(to) - Number(from) + 1
}
