// What one server says of the others and of itself, asked through its reserved connection. The fleet is the closure of
// this over all servers that are reached; nothing here remembers.

import { ownText } from '../lib/own-text.ts'
import { Refused, type Reply } from '../redis/connection.ts'
import { parseInfo, type Info } from '../redis/info.ts'
import type { Ask } from '../redis/ask.ts'
import {
  idOfRecord,
  parseClusterNodes,
  parseRecord,
  parseRecords,
  parseReplication,
  type ClusterNode,
  type Replication,
} from '../redis/topology.ts'
import { parseAddress, showAddress } from '../redis/url.ts'
import type { CouldNotLook, Role } from './server.ts'

/** Another server, as this one names it. */
export interface Named {
  readonly id: string
  readonly role: Role
  readonly shard?: string | undefined
  readonly down?: boolean | undefined // the naming server cannot reach it either
}

export interface Links {
  readonly role: Role
  readonly runId: string | undefined
  readonly version: string | undefined
  readonly flavour: 'redis' | 'valkey'
  readonly pid: number | undefined
  readonly unixSocket: string | undefined
  readonly cluster: boolean
  readonly isArchive: boolean // no server: the place where an archive of Respite's listens
  readonly myself: string | undefined // how the others know this server, where it says so (Cluster, announce-ip)
  readonly shard: string | undefined
  readonly shardNode: string | undefined // node id of the shard's primary
  readonly replication: Replication | undefined // not of a Sentinel
  readonly named: readonly Named[]
  readonly masterNames: readonly string[] // of a Sentinel: what it watches
  readonly sentinelsListen: boolean // somebody listens on the hello channel: Sentinels watch this server
  readonly couldNotLook: readonly CouldNotLook[]
}

/** Asks one server. Throws `Refused` or `Lost` when it cannot even be asked for INFO. */
export async function readLinks(ask: Ask, masterName: string | undefined): Promise<Links> {
  const info = parseInfo(String(await ask('INFO')))
  const couldNotLook: CouldNotLook[] = []
  const tryAsk = async (...words: string[]): Promise<Reply | undefined> => {
    try {
      return await ask(...words)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const what = words.slice(0, 2).join(' ')
      couldNotLook.push({ at: what, why: error.message, hint: hintFor(what, error) })
      return undefined
    }
  }
  const base = {
    runId: ownText(info.get('run_id')),
    version: info.get('valkey_version') ?? info.get('redis_version'),
    flavour: info.has('valkey_version') ? ('valkey' as const) : ('redis' as const),
    pid: Number(info.get('process_id')) || undefined,
    isArchive: info.get('respite_archive') === '1',
    couldNotLook,
  }
  if (info.get('redis_mode') === 'sentinel') return { ...base, ...(await sentinelLinks(tryAsk, masterName)) }
  return { ...base, ...(await serverLinks(tryAsk, info)) }
}

function hintFor(what: string, error: Refused): string {
  if (error.answer === 'noperm') return `permit it: ACL SETUSER <user> +${what.toLowerCase().replace(' ', '|')}`
  return 'this version or this service does not have the command'
}

type Try = (...words: string[]) => Promise<Reply | undefined>
type RoleLinks = Omit<Links, 'runId' | 'version' | 'flavour' | 'pid' | 'isArchive' | 'couldNotLook'>

async function serverLinks(tryAsk: Try, info: Info): Promise<RoleLinks> {
  const cluster = info.get('cluster_enabled') === '1'
  const replication = parseReplication(info)
  const [nodes, listeners, config] = await Promise.all([
    cluster ? tryAsk('CLUSTER', 'NODES') : undefined,
    cluster ? undefined : tryAsk('PUBSUB', 'NUMSUB', '__sentinel__:hello'),
    tryAsk('CONFIG', 'GET', '*announce*'),
  ])
  const announced = parseRecord(config ?? null)
  const socket = parseRecord((await tryAsk('CONFIG', 'GET', 'unixsocket')) ?? null)['unixsocket']
  const rows = nodes === undefined ? [] : parseClusterNodes(String(nodes))
  const me = rows.find((row) => row.flags.includes('myself'))
  const named = cluster ? clusterNames(rows) : replicationNames(replication)
  return {
    role: replication.role,
    unixSocket: socket === '' ? undefined : socket,
    cluster,
    myself: me?.id || announcedId(announced, info),
    shard: me === undefined ? undefined : shardOf(me, rows),
    shardNode: me?.primary ?? me?.nodeId,
    replication,
    named,
    masterNames: [],
    sentinelsListen: Array.isArray(listeners) && Number(listeners[1]) > 0,
  }
}

function announcedId(config: Record<string, string>, info: Info): string | undefined {
  const host = config['replica-announce-ip'] ?? config['slave-announce-ip'] ?? ''
  const port = Number(config['replica-announce-port'] ?? 0) || Number(info.get('tcp_port'))
  return host === '' ? undefined : showAddress({ host, port })
}

function shardOf(node: ClusterNode, nodes: readonly ClusterNode[]): string {
  if (node.primary === undefined) return node.id
  return nodes.find((other) => other.nodeId === node.primary)?.id ?? node.primary
}

// A node of which the others know no address, or that has not introduced itself: not a server that can be looked for.
const NOT_YET: ReadonlySet<string> = new Set(['handshake', 'noaddr'])

function clusterNames(nodes: readonly ClusterNode[]): Named[] {
  const known = nodes.filter((node) => node.id !== '' && !node.flags.some((flag) => NOT_YET.has(flag)))
  return known.map((node) => ({
    id: node.id,
    role: node.flags.includes('slave') ? 'replica' : 'primary',
    shard: shardOf(node, nodes),
    down: node.flags.some((flag) => flag === 'fail' || flag === 'fail?'),
  }))
}

function replicationNames(replication: Replication): Named[] {
  const named: Named[] = replication.replicas.map((replica) => ({ id: replica.id, role: 'replica' }))
  // A primary that a replica follows may itself be a replica: its role is asked of itself.
  if (replication.primary !== undefined)
    named.push({ id: replication.primary, role: 'unknown', down: replication.linkUp === false })
  return named
}

async function sentinelLinks(tryAsk: Try, masterName: string | undefined): Promise<RoleLinks> {
  const masters = parseRecords((await tryAsk('SENTINEL', 'MASTERS')) ?? null)
  const watched = masters.filter((master) => masterName === undefined || master['name'] === masterName)
  const named: Named[] = []
  for (const master of watched) {
    const name = master['name'] ?? ''
    const [replicas, sentinels] = await Promise.all([
      tryAsk('SENTINEL', 'SLAVES', name),
      tryAsk('SENTINEL', 'SENTINELS', name),
    ])
    named.push(...namedIn([master], 'primary'))
    named.push(...namedIn(parseRecords(replicas ?? null), 'replica'))
    named.push(...namedIn(parseRecords(sentinels ?? null), 'sentinel'))
  }
  return {
    role: 'sentinel',
    unixSocket: undefined,
    cluster: false,
    myself: undefined,
    shard: undefined,
    shardNode: undefined,
    replication: undefined,
    named,
    masterNames: masters.map((master) => master['name'] ?? ''),
    sentinelsListen: false,
  }
}

function namedIn(records: readonly Record<string, string>[], role: Role): Named[] {
  return records.flatMap((record) => {
    const id = idOfRecord(record)
    return id === undefined ? [] : [{ id, role, down: isDown(record) }]
  })
}

function isDown(record: Record<string, string>): boolean {
  return /[so]_down|disconnected/.test(record['flags'] ?? '')
}

/** The same server whether it is written `localhost`, `127.0.0.1` or `::1`: loopback names are one host. */
export function sameHost(id: string): string {
  const address = parseAddress(id)
  if (address.path !== undefined) return id
  return /^(localhost|::1)$/.test(address.host) ? `127.0.0.1:${address.port}` : id
}
