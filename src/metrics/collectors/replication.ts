// The links between a primary and its replicas, as either end sees them. `lag` here is what Redis calls so: the seconds
// since the last acknowledgement. How far a replica is really behind is respite_replication_lag_seconds.

import type { Info } from '../../redis/info.ts'
import { parsePairs } from '../../redis/info.ts'
import type { Collector } from '../collector.ts'
import { parseNumber } from '../number.ts'
import { remember } from '../series-cache.ts'
import { gauge, labelText, seriesOf, type Snapshot } from '../series.ts'

const replicaInfo = gauge('redis_slave_info', 'Always 1; whom this replica follows.')
const linkUp = gauge('redis_master_link_up', '1 when the link to the primary is up.')
const lastIo = gauge(
  'redis_master_last_io_seconds_ago',
  'Seconds since the primary was last heard; -1: the link is down.',
)
const syncing = gauge('redis_master_sync_in_progress', '1 while the replica takes over the data of its primary.')
const ownOffset = gauge('redis_slave_repl_offset', 'Replication offset of this replica.')
const offset = gauge('redis_connected_slave_offset_bytes', 'Offset that the replica has acknowledged.')
const lag = gauge('redis_connected_slave_lag_seconds', 'Seconds since the last acknowledgement of the replica.')

const upstream = remember((key) => {
  const [host = '', port = '', readOnly = ''] = key.split('\n')
  const labels = labelText({ master_host: host, master_port: port })
  return {
    info: seriesOf(replicaInfo, labelText({ master_host: host, master_port: port, read_only: readOnly })),
    linkUp: seriesOf(linkUp, labels),
    lastIo: seriesOf(lastIo, labels),
    syncing: seriesOf(syncing, labels),
    offset: seriesOf(ownOffset, labels),
  }
})

const downstream = remember((key) => {
  const [ip = '', port = '', state = ''] = key.split('\n')
  const labels = labelText({ slave_ip: ip, slave_port: port, slave_state: state })
  return { offset: seriesOf(offset, labels), lag: seriesOf(lag, labels) }
})

export default {
  asks: 'The link of a replica to its primary, and of a primary to its replicas.',
  on: 'server',
  start() {
    return ({ info }, out) => {
      if (info.get('role') === 'slave') addUpstream(info, out)
      for (let at = 0; ; at += 1) {
        const text = info.get(`slave${at}`)
        if (text === undefined) return
        addDownstream(text, out)
      }
    }
  },
} satisfies Collector

function addUpstream(info: Info, out: Snapshot): void {
  const key = [info.get('master_host'), info.get('master_port'), info.get('slave_read_only')].join('\n')
  const series = upstream(key)
  out.add(series.info, 1)
  out.add(series.linkUp, info.get('master_link_status') === 'up' ? 1 : 0)
  const [seconds, sync, reached] = ['master_last_io_seconds_ago', 'master_sync_in_progress', 'slave_repl_offset'].map(
    (field) => parseNumber(info.get(field)),
  )
  if (seconds !== undefined) out.add(series.lastIo, seconds)
  if (sync !== undefined) out.add(series.syncing, sync)
  if (reached !== undefined) out.add(series.offset, reached)
}

function addDownstream(text: string, out: Snapshot): void {
  const pairs = parsePairs(text)
  const acknowledged = parseNumber(pairs['offset'])
  if (acknowledged === undefined) return
  const series = downstream(`${pairs['ip'] ?? ''}\n${pairs['port'] ?? ''}\n${pairs['state'] ?? ''}`)
  out.add(series.offset, acknowledged)
  const seconds = parseNumber(pairs['lag'])
  if (seconds !== undefined) out.add(series.lag, seconds)
}
