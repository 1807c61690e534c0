// When a host is gone, its servers are, their replication links are, and clients see errors: one cause, told once. An
// alert is held back while another one fires that lies deeper (host, process, link, client) and concerns the same
// servers, by the topology.
//
// A rule says its layer with the label `layer`; the names below are known without it. An alert without a layer neither
// holds back nor is held back. Only a deeper layer holds back, so no two alerts hide each other; and a warning never
// hides what is critical.

import { severityRank, type Alert } from './alert.ts'

/** What servers are to each other; ids as in the label `instance`. */
export interface Topology {
  hostOf(deployment: string, server: string): string | undefined
  /** Its primary, or its replicas: the other ends of its replication links. */
  linkedWith(deployment: string, server: string): readonly string[]
  /** Whether every server of the deployment was asked since the start; nothing is missing of one that is not watched. */
  isKnown(deployment: string): boolean
}

const LAYERS = ['client', 'link', 'process', 'host'] as const
type Layer = (typeof LAYERS)[number]

// Prefixes of names: RedisReplicationBroken and RedisReplicationLag are of one kind.
const NAMES: Readonly<Record<string, Layer>> = {
  RedisHost: 'host',
  HostDown: 'host',
  RedisDown: 'process',
  RedisServerMissing: 'process',
  RedisServerDown: 'process',
  RedisNotAnswering: 'process',
  RedisUnreachable: 'process',
  RedisLoading: 'process',
  RedisMissingMaster: 'link',
  RedisDisconnectedSlaves: 'link',
  RedisMissingReplica: 'link',
  RedisReplica: 'link',
  RedisReplication: 'link',
  ReplicationLag: 'link',
  RedisCluster: 'link',
  RedisSentinel: 'link',
  RedisHighLatency: 'client',
  RedisLatency: 'client',
  RedisSlow: 'client',
  SlowCommands: 'client',
  RedisRejectedConnections: 'client',
  RedisCanary: 'client',
  RedisQueue: 'client',
  RedisErrors: 'client',
}

function layerOf({ name, labels }: Alert): Layer | undefined {
  const said = LAYERS.find((layer) => layer === labels['layer'])
  if (said !== undefined) return said
  const prefix = Object.keys(NAMES)
    .filter((known) => name.startsWith(known))
    .toSorted((a, b) => b.length - a.length)[0]
  return prefix === undefined ? undefined : NAMES[prefix]
}

const depthOf = (layer: Layer): number => LAYERS.indexOf(layer)

/** For an alert those that hold it back; made from all that may. */
export function inhibitorsAmong(causes: readonly Alert[], topology: Topology): (alert: Alert) => Alert[] {
  const sources = causes
    .map((alert) => ({ alert, layer: layerOf(alert) }))
    .filter((source): source is Source => source.layer !== undefined && source.layer !== 'client')
  const places = new Map<string, Source[]>() // what a source covers, so that an alert looks only at its own places
  for (const source of sources)
    for (const place of coveredBy(source, topology)) {
      const there = places.get(place)
      if (there === undefined) places.set(place, [source])
      else there.push(source)
    }
  return (alert) => {
    const layer = layerOf(alert)
    if (layer === undefined) return []
    const found = placesOf(alert, layer, topology).flatMap((place) => places.get(place) ?? [])
    const holding = found.filter(
      (source) =>
        depthOf(source.layer) > depthOf(layer) && severityRank(source.alert.labels) >= severityRank(alert.labels),
    )
    return [...new Set(holding.map((source) => source.alert))]
  }
}

interface Source {
  readonly alert: Alert
  readonly layer: Layer
}

const place = (kind: 'host' | 'server' | 'link' | 'links of', ...names: string[]): string => [kind, ...names].join('\0')

/** The places at which a source holds others back. */
function coveredBy({ alert: { labels }, layer }: Source, topology: Topology): string[] {
  const { deployment = '', instance } = labels
  if (layer === 'host') {
    const host = labels['host'] ?? (instance === undefined ? undefined : topology.hostOf(deployment, instance))
    return host === undefined ? [] : [place('host', host)]
  }
  if (instance === undefined) return []
  if (layer === 'link') return [place('server', deployment, instance)]
  const ends = topology.linkedWith(deployment, instance)
  return [
    place('server', deployment, instance),
    place('links of', deployment), // alerts on the replication of the deployment as a whole
    ...ends.map((end) => place('link', deployment, end)),
  ]
}

/** The places at which an alert is, from which it may be held back. */
function placesOf({ labels }: Alert, layer: Layer, topology: Topology): string[] {
  const { deployment = '', instance } = labels
  if (instance === undefined) return layer === 'link' ? [place('links of', deployment)] : []
  const host = topology.hostOf(deployment, instance)
  return [
    place('server', deployment, instance),
    ...(layer === 'link' ? [place('link', deployment, instance)] : []),
    ...(host === undefined ? [] : [place('host', host)]),
  ]
}
