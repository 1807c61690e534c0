// The fleet of the demo: a primary that three Sentinels guard, with two replicas, and a Cluster of three nodes. A server
// that is killed comes back after half a minute, as a supervisor would bring it back.

import { setTimeout as sleep } from 'node:timers/promises'
import { startCluster, type Cluster } from './cluster.ts'
import { startReplica, startSentinel, startServer, type Server } from './servers.ts'

export const MASTER_NAME = 'shop'
export const BACK_AFTER_MS = 30_000

export interface DemoFleet {
  readonly servers: readonly Server[] // data servers of the Sentinel deployment; the first one starts as the primary
  readonly sentinels: readonly Server[]
  readonly cluster: Cluster
  readonly url: { readonly shop: string; readonly cluster: string }
  stop(): Promise<void>
}

const CONF = ['maxmemory 64mb', 'maxclients 100', 'save 60 1000']

/** Starts all of it; `onReturn` hears of each server that came back. */
export async function startDemoFleet(onReturn: (server: Server) => void): Promise<DemoFleet> {
  const primary = await startServer({ name: 'primary', conf: CONF, debug: true })
  const replicas = await Promise.all([1, 2].map(() => startReplica(primary, { conf: CONF, debug: true })))
  const servers = [primary, ...replicas]
  const watches = [{ name: MASTER_NAME, server: primary }]
  const [cluster, ...sentinels] = await Promise.all([
    startCluster(3, 0, { conf: CONF, debug: true }),
    ...[1, 2, 3].map(() => startSentinel({ watches, quorum: 2, downAfterMs: 3000 })),
  ])
  const all = [...servers, ...sentinels, ...cluster.nodes]
  const ending = new AbortController()
  const returns = all.map((server) => bringBack(server, onReturn, ending.signal))
  return {
    servers,
    sentinels,
    cluster,
    url: {
      shop: `redis+sentinel://${sentinels.map((sentinel) => sentinel.id).join(',')}/${MASTER_NAME}`,
      cluster: `redis://${cluster.nodes[0]?.id}`,
    },
    async stop() {
      ending.abort()
      await Promise.all(all.map((server) => server.stop()))
      await Promise.all(returns)
      await Promise.all(all.map((server) => server.stop())) // one may have come back in the meantime
    },
  }
}

async function bringBack(server: Server, onReturn: (server: Server) => void, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    await server.exited
    await sleep(BACK_AFTER_MS, undefined, { signal: ending }).catch(() => undefined)
    if (ending.aborted) return
    // A server that cannot come back (its port was taken meanwhile) is tried again as if it had died once more.
    await server.restart().then(
      () => onReturn(server),
      () => undefined,
    )
  }
}
