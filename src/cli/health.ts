// The health summary that a person would read out of INFO first.

import type { ServerEvidence } from '../diagnosis/evidence.ts'
import { infoNumber, infoText } from '../diagnosis/readings/reading.ts'

/** What INFO says of the health of one server. Absent fields were not said, and are not zero. */
export interface Health {
  readonly uptimeSeconds?: number | undefined
  readonly os?: string | undefined
  readonly usedMemoryBytes?: number | undefined
  readonly maxmemoryBytes?: number | undefined // 0: no limit
  readonly maxmemoryPolicy?: string | undefined
  readonly clients?: number | undefined
  readonly maxClients?: number | undefined
  readonly rejectedConnections?: number | undefined
  readonly evictedKeys?: number | undefined
  readonly replicas?: number | undefined
}

/** Undefined of a server that could not be asked. */
export function healthOf(server: ServerEvidence | undefined): Health | undefined {
  if (server?.info === undefined) return undefined
  return {
    uptimeSeconds: infoNumber(server, 'uptime_in_seconds'),
    os: infoText(server, 'os'),
    usedMemoryBytes: infoNumber(server, 'used_memory'),
    maxmemoryBytes: infoNumber(server, 'maxmemory'),
    maxmemoryPolicy: infoText(server, 'maxmemory_policy'),
    clients: infoNumber(server, 'connected_clients'),
    maxClients: infoNumber(server, 'maxclients'),
    rejectedConnections: infoNumber(server, 'rejected_connections'),
    evictedKeys: infoNumber(server, 'evicted_keys'),
    replicas: infoText(server, 'redis_mode') === 'sentinel' ? undefined : infoNumber(server, 'connected_slaves'),
  }
}
