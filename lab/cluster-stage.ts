// The healthy Cluster that faults of one begin with: three primaries, replicas as a variant says, and a few keys in every
// part. Nobody takes anybody for failed before the fault begins, however busy the machine is.

import { startCluster, type Cluster, type ClusterOptions } from './cluster.ts'
import type { Variant } from './fault.ts'
import type { Server } from './servers.ts'
import { until } from './until.ts'

export interface ClusterStage extends Cluster {
  readonly url: string
  readonly access: Server['access']
  /** From now on a node that is silent for a second has failed. */
  hurry(): Promise<void>
}

const PATIENT_MS = 60_000
const HURRIED_MS = 1_000
const PASSWORD = 'open sesame'

/** `replicas` of the variant are of each primary. */
export async function startClusterStage(variant: Variant, options: ClusterOptions = {}): Promise<ClusterStage> {
  const { replicas = 0, password, conf = [] } = variant
  const cluster = await startCluster(3, replicas, {
    debug: true,
    ...(password === true ? { password: PASSWORD } : {}),
    ...options,
    conf: [...(options.conf ?? []), ...conf],
  })
  const [first] = cluster.nodes
  if (first === undefined) throw new Error('a Cluster has nodes')
  await setTimeoutOf(cluster.nodes, PATIENT_MS)
  for (const node of cluster.nodes)
    await until(`${node.id} knows who follows whom`, async () => {
      const known = await node.cli('CLUSTER', 'NODES')
      return [...known.matchAll(/\bslave\b/g)].length === cluster.replicas.length
    })
  for (const [at, node] of cluster.primaries.entries())
    for (let key = 0; key < 20; key += 1) await node.cli('SET', `order:{${TAGS[at]}}:${key}`, 'x'.repeat(100))
  for (const node of cluster.nodes) await node.cli('SAVE') // its keys are on a disk, too
  return {
    ...cluster,
    url: first.url,
    access: first.access,
    hurry: () => setTimeoutOf(cluster.nodes, HURRIED_MS),
  }
}

// One for each third of the slots: 3300, 7365 and 15495.
const TAGS = ['b', 'c', 'a']

async function setTimeoutOf(nodes: readonly Server[], timeoutMs: number): Promise<void> {
  for (const node of nodes) await node.cli('CONFIG', 'SET', 'cluster-node-timeout', String(timeoutMs))
}

/** Waits until each of these nodes says so of itself: `cluster_slots_fail:5461` of CLUSTER INFO. */
export async function untilSaid(nodes: readonly Server[], text: string | RegExp): Promise<void> {
  for (const node of nodes)
    await until(`${node.id} says ${String(text)}`, async () => {
      const said = `${await node.cli('CLUSTER', 'INFO')}\n${await node.cli('CLUSTER', 'NODES')}`
      return typeof text === 'string' ? said.includes(text) : text.test(said)
    })
}

/** Each node speaks from an address of its own, so that it can be cut off from the others and from nobody else. */
export function eachApart(at: number): string[] {
  return [
    `bind-source-addr ${addressOf(at)}`,
    'protected-mode no',
    'cluster-announce-ip 127.0.0.1',
    'replica-announce-ip 127.0.0.1',
  ]
}

export function addressOf(at: number): string {
  return `127.0.1.${at + 1}`
}

export const ALL_ADDRESSES = '127.0.1.0/24'
