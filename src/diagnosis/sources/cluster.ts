// A Cluster node's own view of the Cluster: two nodes may see two different ones, which is a fault by itself.

import { parseInfo } from '../../redis/info.ts'
import type { ClusterNodeSeen } from '../evidence.ts'
import type { Source } from '../source.ts'

export default {
  looksAt: 'CLUSTER INFO, CLUSTER NODES',
  asks: true,
  after: ['info'],

  async look(server, seen) {
    if (seen.info?.fields['cluster_enabled'] !== '1') return undefined
    const [info, nodes] = await Promise.all([server.ask('CLUSTER', 'INFO'), server.ask('CLUSTER', 'NODES')])
    const lines = String(nodes)
      .split('\n')
      .filter((line) => line !== '')
    return { info: Object.fromEntries(parseInfo(String(info))), nodes: lines.map(nodeOf) }
  },
} satisfies Source<'cluster'>

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
    slots: slots.filter((word) => !word.startsWith('[')).reduce((sum, range) => sum + slotsIn(range), 0),
    moving: slots.filter((word) => word.startsWith('[')),
  }
}

function slotsIn(range: string): number {
  const [from = '0', to = from] = range.split('-')
  return Number(to) - Number(from) + 1
}
