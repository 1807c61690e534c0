// A real Redis Cluster on this machine: some primaries that share the slots, and replicas for each of them.

import { startServer, type Server, type StartOptions } from './servers.ts'
import { until } from './until.ts'

const SLOTS = 16_384

export interface Cluster {
  readonly primaries: readonly Server[]
  readonly replicas: readonly Server[] // replica i follows primary i % primaries
  readonly nodes: readonly Server[]
  stop(): Promise<void>
}

export interface ClusterOptions extends StartOptions {
  readonly confOf?: (at: number) => readonly string[] // lines of one node's redis.conf, after those of all
}

/** Starts a Cluster and waits until each node says that it is ok and each replica is in sync. */
export async function startCluster(
  primaries = 3,
  replicasEach = 0,
  { confOf = () => [], ...options }: ClusterOptions = {},
): Promise<Cluster> {
  const conf = ['cluster-enabled yes', 'cluster-node-timeout 5000', ...(options.conf ?? [])]
  const total = primaries * (1 + replicasEach)
  const starts = Array.from({ length: total }, (_none, at) =>
    startServer({ ...options, name: `cluster-${at}`, conf: [...conf, ...confOf(at)] }),
  )
  const nodes = await Promise.all(starts)
  const cluster = { primaries: nodes.slice(0, primaries), replicas: nodes.slice(primaries), nodes }
  await assignSlots(cluster.primaries)
  await meet(nodes)
  await follow(cluster.primaries, cluster.replicas)
  await until('the Cluster is ok', async () => (await Promise.all(nodes.map(isOk))).every(Boolean), {
    timeoutMs: 30_000,
  })
  return { ...cluster, stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))) }
}

async function assignSlots(primaries: readonly Server[]): Promise<void> {
  for (const [at, node] of primaries.entries()) {
    const from = Math.floor((at * SLOTS) / primaries.length)
    const to = Math.floor(((at + 1) * SLOTS) / primaries.length)
    // One by one and not as a range, which 6.2 does not know.
    await said(
      node,
      'OK',
      'CLUSTER',
      'ADDSLOTS',
      ...Array.from({ length: to - from }, (_none, slot) => String(from + slot)),
    )
    await said(node, 'OK', 'CLUSTER', 'SET-CONFIG-EPOCH', String(at + 1))
  }
}

async function meet(nodes: readonly Server[]): Promise<void> {
  const [first, ...others] = nodes
  if (first === undefined) return
  for (const node of others) await said(first, 'OK', 'CLUSTER', 'MEET', '127.0.0.1', String(node.port))
  await until('all nodes know each other', async () => {
    const known = await Promise.all(nodes.map((node) => node.cli('CLUSTER', 'NODES')))
    return known.every((text) => !text.includes('handshake') && text.split('\n').length === nodes.length)
  })
}

async function follow(primaries: readonly Server[], replicas: readonly Server[]): Promise<void> {
  for (const [at, replica] of replicas.entries()) {
    const primary = primaries[at % primaries.length]
    if (primary === undefined) continue
    const id = await primary.cli('CLUSTER', 'MYID')
    await until(`${replica.id} follows ${primary.id}`, async () => {
      return (await replica.cli('CLUSTER', 'REPLICATE', id)) === 'OK'
    })
  }
  for (const replica of replicas)
    await until(`${replica.id} is in sync`, async () =>
      (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
    )
}

async function isOk(node: Server): Promise<boolean> {
  return (await node.cli('CLUSTER', 'INFO')).includes('cluster_state:ok')
}

async function said(node: Server, expected: string, ...words: string[]): Promise<void> {
  const answer = await node.cli(...words)
  if (answer !== expected) throw new Error(`${words.slice(0, 2).join(' ')} at ${node.id}: ${answer}`)
}
