// Where a deployment runs: on somebody's own machines, or rented from one of the clouds. Each closes other commands, and in
// each something else is looked at first. Told from the address, from what INFO says of itself, and from which commands
// there are none of; where nothing tells, that is what is said.

import type { Evidence, ServerEvidence } from './evidence.ts'

export interface Platform {
  readonly id: 'self-hosted' | 'elasticache' | 'azure-cache' | 'memorystore' | 'redis-cloud' | 'unknown'
  readonly says: string // "Amazon ElastiCache"
  readonly because: string // what tells
  readonly first: string // what to look at first
}

type Rented = Exclude<Platform['id'], 'self-hosted' | 'unknown'>

const SAYS: Readonly<Record<Platform['id'], string>> = {
  'self-hosted': 'self-hosted',
  elasticache: 'Amazon ElastiCache',
  'azure-cache': 'Azure Cache for Redis',
  memorystore: 'Google Memorystore',
  'redis-cloud': 'Redis Cloud',
  unknown: 'not known where it runs',
}

const FIRST: Readonly<Record<Platform['id'], string>> = {
  'self-hosted':
    'on its machine: systemctl status redis-server (or docker ps), ss -ltnp, the end of its log, df -h of its dir',
  elasticache:
    'aws elasticache describe-events --duration 60, then describe-replication-groups; in CloudWatch EngineCPUUtilization, DatabaseMemoryUsagePercentage, CurrConnections; where it times out, its security group',
  'azure-cache':
    'az redis show --name NAME --resource-group GROUP (provisioningState), Resource health in the portal; clients come with TLS on port 6380; where it times out, az redis firewall-rules list',
  memorystore:
    'gcloud redis instances describe NAME --region REGION (state, statusMessage); it is reached only from its authorized network',
  'redis-cloud':
    'the database’s metrics and alerts in the console of Redis Cloud, and its status page; where it times out, the list of addresses that may come',
  unknown: 'whose machine it is; a cloud’s own console says more than the server does',
}

const HOSTS: readonly (readonly [Rented, RegExp])[] = [
  ['elasticache', /\.cache\.amazonaws\.com(?:\.cn)?$/],
  ['azure-cache', /\.redis\.cache\.windows\.net$|\.redis\.azure\.net$|\.redisenterprise\.cache\.azure\.net$/],
  ['redis-cloud', /\.(?:cloud\.redislabs|redis-cloud|redislabs)\.com$|\.cloud\.rlrcp\.com$/],
]

/** Of all its servers together; the first that tells. */
export function platformOf({ servers }: Evidence): Platform {
  for (const server of servers) {
    const told = rentedBy(server)
    if (told !== undefined) return { ...told, says: SAYS[told.id], first: FIRST[told.id] }
  }
  const own = servers.map(ownBecause).find((because) => because !== undefined)
  const id = own === undefined ? 'unknown' : 'self-hosted'
  const because = own ?? 'neither its address nor what it says of itself tells'
  return { id, says: SAYS[id], because, first: FIRST[id] }
}

interface Told {
  readonly id: Rented
  readonly because: string
}

function rentedBy(server: ServerEvidence): Told | undefined {
  for (const name of [server.address, server.id]) {
    const host = name.replace(/:\d+$/, '')
    const [id] = HOSTS.find(([, pattern]) => pattern.test(host)) ?? []
    if (id !== undefined) return { id, because: `its address is ${host}` }
  }
  const { os = '', rlec_version: enterprise } = server.info?.fields ?? {}
  if (/Amazon ElastiCache/i.test(os)) return { id: 'elasticache', because: `INFO says os:${os}` }
  if (enterprise !== undefined) return { id: 'redis-cloud', because: `INFO says rlec_version:${enterprise}` }
  return byCommands(server)
}

// Source: https://cloud.google.com/memorystore/docs/redis/product-constraints: CLIENT, CONFIG and ACL, all of each.
const NOT_IN_MEMORYSTORE = ['clients', 'config', 'acl']

function byCommands({ id, couldNotLook, local }: ServerEvidence): Told | undefined {
  const missing = NOT_IN_MEMORYSTORE.filter((at) =>
    couldNotLook.some((entry) => entry.at === `${id} ${at}` && /unknown (?:sub)?command/i.test(entry.why)),
  )
  if (local || missing.length < NOT_IN_MEMORYSTORE.length) return undefined
  return {
    id: 'memorystore',
    because: 'it has none of the commands CLIENT, CONFIG and ACL, which Memorystore takes away',
  }
}

function ownBecause({ local, info, config }: ServerEvidence): string | undefined {
  if (local) return 'it runs on this machine'
  const executable = info?.fields['executable'] ?? ''
  if (executable.startsWith('/')) return `INFO says executable:${executable}`
  return config?.['dir'] === undefined ? undefined : 'it answers CONFIG, which rented servers do not'
}
