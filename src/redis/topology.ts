// What a server says of the others: INFO replication, CLUSTER NODES, the Sentinel commands, and the hello channel on
// which Sentinels introduce themselves. Parsing only; nothing here asks.

import { infoNumber, parseInfo, parsePairs, type Info } from './info.ts'
import type { Reply } from './connection.ts'
import { showAddress } from './url.ts'

export interface ReplicaSeen {
  readonly id: string // as the primary names it, host:port
  readonly state: string // online, wait_bgsave, send_bulk
  readonly offset: number // the last that it acknowledged
}

export interface Replication {
  readonly role: 'primary' | 'replica'
  readonly replid: string | undefined
  readonly offset: number // of a primary: what it wrote; of a replica: what it has applied
  readonly replicas: readonly ReplicaSeen[]
  readonly primary: string | undefined // of a replica
  readonly linkUp: boolean | undefined // of a replica
}

/** Reads the replication section of INFO (7.0: replication.c, genRedisInfoString). */
export function parseReplication(info: Info): Replication {
  const replicas: ReplicaSeen[] = []
  const connected = infoNumber(info, 'connected_slaves') ?? 0
  for (let at = 0; at < connected; at += 1) {
    const line = info.get(`slave${at}`)
    if (line === undefined) continue
    const { ip, port, state = '', offset } = parsePairs(line)
    // Port 0 is a client that never told its port (a backup tool, a debugger): not a server that can be watched.
    const id = idOf(ip, port)
    if (id !== undefined) replicas.push({ id, state, offset: Number(offset) })
  }
  const isReplica = info.get('role') === 'slave'
  return {
    role: isReplica ? 'replica' : 'primary',
    replid: info.get('master_replid'),
    offset: infoNumber(info, isReplica ? 'slave_repl_offset' : 'master_repl_offset') ?? 0,
    replicas,
    primary: isReplica ? idOf(info.get('master_host'), info.get('master_port')) : undefined,
    linkUp: isReplica ? info.get('master_link_status') === 'up' : undefined,
  }
}

/** The same without some of those who follow: archives are connected like replicas, and are none. */
export function withoutReplicas(info: Info, ids: ReadonlySet<string>): Info {
  const lines: string[] = []
  let [kept, left] = [0, 0]
  for (const [name, text] of info) {
    const isReplica = /^slave\d+$/.test(name)
    const { ip, port } = isReplica ? parsePairs(text) : {}
    if (isReplica && ids.has(idOf(ip, port) ?? '')) left += 1
    else lines.push(isReplica ? `slave${kept++}:${text}` : `${name}:${text}`)
  }
  if (left === 0) return info
  const connected = (infoNumber(info, 'connected_slaves') ?? left) - left
  return parseInfo(
    lines.map((line) => line.replace(/^connected_slaves:.*/, `connected_slaves:${connected}`)).join('\n'),
  )
}

/** `host:port`, or undefined for what is no address: what a server says of others is not trusted to be one. */
function idOf(host: string | undefined, port: string | undefined): string | undefined {
  const number = Number(port)
  if (host === undefined || host === '' || /[\s[\]/@]|\p{Cc}/u.test(host)) return undefined
  if (port === '' || !Number.isInteger(number) || number < 1 || number > 65_535) return undefined
  return showAddress({ host, port: number })
}

export interface ClusterNode {
  readonly nodeId: string
  readonly id: string // host:port; '' when the node does not know its own address yet
  readonly flags: readonly string[] // myself, master, slave, fail?, fail, handshake, noaddr
  readonly primary: string | undefined // node id
  readonly connected: boolean
  readonly slots: readonly string[]
}

/** CLUSTER NODES, a line per node. Source: https://redis.io/docs/latest/commands/cluster-nodes/ */
export function parseClusterNodes(text: string): ClusterNode[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [nodeId = '', address = '', flags = '', primary = '-', , , , link = '', ...slots] = line.trim().split(' ')
      const match = /^(.*):(\d+)(?:@\d+)?/.exec(address.split(',', 1)[0] ?? '')
      return {
        nodeId,
        id: idOf(match?.[1], match?.[2]) ?? '',
        flags: flags.split(','),
        primary: primary === '-' ? undefined : primary,
        connected: link === 'connected',
        slots,
      }
    })
}

/** The flat lists of field and value that the SENTINEL commands answer with, one record per server. */
export function parseRecords(reply: Reply): Record<string, string>[] {
  if (!Array.isArray(reply)) return []
  return reply.filter(Array.isArray).map(parseRecord)
}

export function parseRecord(reply: Reply): Record<string, string> {
  const record: Record<string, string> = {}
  if (!Array.isArray(reply)) return record
  for (let at = 0; at + 1 < reply.length; at += 2) record[String(reply[at])] = String(reply[at + 1])
  return record
}

/** `host:port` of a Sentinel's record; undefined where it has none that leads anywhere. */
export function idOfRecord(record: Record<string, string>): string | undefined {
  return idOf(record['ip'], record['port'])
}

export interface Hello {
  readonly sentinel: string // host:port
  readonly masterName: string
  readonly primary: string
}

/** A message of `__sentinel__:hello`: ip,port,runid,epoch,master name,ip,port,epoch (sentinel.c, sentinelSendHello). */
export function parseHello(message: string): Hello | undefined {
  const [ip, port, , , masterName, primaryIp, primaryPort] = message.split(',')
  const [sentinel, primary] = [idOf(ip, port), idOf(primaryIp, primaryPort)]
  if (sentinel === undefined || primary === undefined || masterName === undefined) return undefined
  return { sentinel, masterName, primary }
}
