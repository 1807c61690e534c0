// CLUSTER INFO of a Cluster node: its state, slots, nodes, epochs and messages; each of its lines is one metric.

import { InfoReader, type Info } from '../../redis/info.ts'
import type { Collector } from '../collector.ts'
import { addRows, meaningfulFields, type FieldSeries } from '../field-series.ts'
import { GAUGE_FIELDS } from '../info-table.ts'
import { parseState } from '../number.ts'
import { remember } from '../series-cache.ts'
import { gauge, seriesOf, type Series, type Snapshot } from '../series.ts'

const HELP: Readonly<Record<string, string>> = {
  cluster_enabled: '1 when the server runs as a Cluster node.',
  cluster_connections: 'Sockets that the Cluster bus holds.',
  cluster_state: '1 when the node considers the Cluster fit to serve.',
  cluster_slots_assigned: 'Slots that some node serves; 16384 when all are covered.',
  cluster_slots_ok: 'Slots whose node is well.',
  cluster_slots_pfail: 'Slots whose node this node cannot reach.',
  cluster_slots_fail: 'Slots whose node the Cluster agrees has failed.',
  cluster_known_nodes: 'Nodes known, those that failed included.',
  cluster_size: 'Primaries that serve a slot.',
  cluster_current_epoch: 'Epoch of the Cluster.',
  cluster_my_epoch: 'Epoch of the configuration of this node.',
}

const renamed = new Map<string, FieldSeries>()
addRows(
  renamed,
  GAUGE_FIELDS.filter(([field]) => field.startsWith('cluster_')),
  gauge,
)
const limitExceeded = 'total_cluster_links_buffer_limit_exceeded'
const seriesOfField = remember((field) => {
  const known = renamed.get(field)?.series
  return known ?? seriesOf(gauge(`redis_${field}`, HELP[field] ?? `The line ${field} of CLUSTER INFO.`))
}, 512)

// Declared before the first Cluster is seen: rules may ask for them.
for (const field of Object.keys(HELP)) seriesOfField(field)

export default {
  asks: 'The state of the Cluster as this node sees it.',
  on: 'both', // a Sentinel has one such field in INFO
  start() {
    const reader = new InfoReader() // of CLUSTER INFO, which has the form of INFO
    return ({ info, cluster, ask }, out) => {
      addFields(info, out)
      if (cluster) return ask('CLUSTER', 'INFO').then((reply) => addFields(reader.read(String(reply)), out))
    }
  },
} satisfies Collector

const fieldsOf = meaningfulFields<Series>((field) => {
  const isOurs = field.startsWith('cluster_') || field === limitExceeded
  return isOurs && /^[a-z0-9_]+$/.test(field) ? seriesOfField(field) : undefined
})

function addFields(info: Info, out: Snapshot): void {
  for (const { at, means } of fieldsOf(info)) {
    const value = info.digitsAt(at) ?? parseState(info.textAt(at))
    if (value !== undefined) out.add(means, value)
  }
}
