// What a restore needs beside the data: how the server was configured, who may log in, which modules it had, what its
// Cluster and its Sentinels looked like. Asked once for each base, and stored with it, sealed. What could not be asked is
// said in it: a restore that lacks the ACL should know that it does.

import { reasonOf } from '../lib/fault.ts'
import type { Ask } from '../redis/ask.ts'
import type { Reply } from '../redis/connection.ts'
import { parseRecord, parseRecords } from '../redis/topology.ts'

export interface ServerContext {
  readonly config: Readonly<Record<string, string>>
  readonly acl: readonly string[]
  readonly modules: readonly Readonly<Record<string, string>>[]
  readonly clusterNodes: string | null
  readonly sentinels: readonly SentinelView[]
  readonly couldNotLook: readonly { readonly at: string; readonly why: string; readonly hint: string }[]
}

export interface SentinelView {
  readonly sentinel: string // its id
  readonly masters: readonly Readonly<Record<string, string>>[] // all that it watches, with quorum and time-outs
}

/** A Sentinel of the deployment that can be asked. */
export interface AskableSentinel {
  readonly id: string
  readonly ask: Ask
}

/** Asks all of it; never throws. `isCluster` says whether CLUSTER NODES has an answer. */
export async function readServerContext(
  ask: Ask,
  isCluster: boolean,
  sentinels: readonly AskableSentinel[],
): Promise<ServerContext> {
  const couldNotLook: { at: string; why: string; hint: string }[] = []
  const attempt = async <Value>(at: string, fallback: Value, run: () => Promise<Value>): Promise<Value> => {
    try {
      return await run()
    } catch (error) {
      const hint = `a restore of this base will not know it; permit it: ACL SETUSER <user> +${at.toLowerCase().replace(' ', '|')}`
      couldNotLook.push({ at, why: reasonOf(error), hint })
      return fallback
    }
  }
  const [config, acl, modules, clusterNodes] = await Promise.all([
    attempt('CONFIG GET', {}, async () => parseRecord(await ask('CONFIG', 'GET', '*'))),
    attempt('ACL LIST', [], async () => linesOf(await ask('ACL', 'LIST'))),
    attempt('MODULE LIST', [], async () => parseRecords(await ask('MODULE', 'LIST'))),
    isCluster ? attempt('CLUSTER NODES', null, async () => String(await ask('CLUSTER', 'NODES'))) : null,
  ])
  const views = await Promise.all(
    sentinels.map(({ id, ask: askSentinel }) =>
      attempt(`SENTINEL MASTERS of ${id}`, undefined, async () => {
        return { sentinel: id, masters: parseRecords(await askSentinel('SENTINEL', 'MASTERS')) }
      }),
    ),
  )
  const seen = views.filter((view) => view !== undefined)
  return { config, acl, modules, clusterNodes, sentinels: seen, couldNotLook }
}

function linesOf(reply: Reply): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}
